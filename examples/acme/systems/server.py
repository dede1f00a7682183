"""The systems as one application."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import calendars
import grants
import mailboxes
import orders
import problems
import purchases
import refunds
from auth import Tokens
from calls import Systems
from clock import Clock
from fastapi import FastAPI
from faults import Faults
from gate import Gate
from joserfc.jwk import OKPKey
from permissions import Permissions
from seed import seed
from starlette.types import ASGIApp
from store import Store

FILE = "systems.sqlite"
TITLE = "Systems of record of Marrowby Instruments"


def build(
    folder: Path, keys: Mapping[str | None, OKPKey], issuer: str | None, ahead: int, can_fail: bool
) -> ASGIApp:
    """Return the application that keeps its database in `folder`; raises store.Unusable and problems.Problem."""
    clock, permissions = Clock(ahead), Permissions(folder)
    store = Store(folder / FILE, seed)
    app = FastAPI(title=TITLE, version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.systems = Systems(store, permissions, clock)
    problems.install(app)
    for system in (orders, refunds, purchases, mailboxes, calendars, grants):
        app.include_router(system.router)
    _describe(app)
    gate = Gate(app, Tokens(keys, issuer), store, clock)
    return Faults(gate) if can_fail else gate


def _describe(app: FastAPI) -> None:
    """Have the OpenAPI document define the problem that every refusal refers to."""
    generated = app.openapi

    def described() -> dict[str, object]:
        document = generated()
        document["components"]["schemas"].setdefault(
            "ProblemBody", problems.ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        )
        return document

    app.openapi = described  # type: ignore[method-assign]
