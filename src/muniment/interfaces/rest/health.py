"""Whether the server lives, and whether it can work. Both say nothing about what is inside."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import text

from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.bodies import HealthResponse

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> HealthResponse:
    """Answer while the process lives."""
    return HealthResponse()


@router.get("/readyz")
async def ready(request: Request, threads: Threads) -> HealthResponse:
    """Answer while the database opens; 503 otherwise."""
    workspace = workspace_of(request)

    def probe() -> None:
        with workspace.database.read() as connection:
            connection.execute(text("SELECT 1"))

    await threads.run(probe)
    return HealthResponse()
