"""Incidents over HTTP: read by auditors and security officers, frozen, thawed and closed by whoever policy lets.

Invariants:
- no API key, certificate or exchanged token opens any of these routes;
- whoever freezes, thaws or closes is told what they did, since they may be somebody who may not read incidents.
"""

from __future__ import annotations

from fastapi import APIRouter, Request

from muniment.governance.incidents.incident import State
from muniment.interfaces import problems
from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.approvals import Person
from muniment.interfaces.rest.incident_bodies import (
    ClosedBody,
    CloseRequest,
    FreezeBody,
    FreezeRequest,
    IncidentBody,
    IncidentsResponse,
)

ALL = "/v1/incidents"
ONE = "/v1/incidents/{incident_id}"
CONFLICT = "It is closed, frozen already, or frozen for another incident."
router = APIRouter(
    tags=["incidents"], responses={409: {"description": CONFLICT, "content": problems.DOCUMENTED}}
)


@router.get(ALL)
async def listing(
    request: Request, caller: Person, threads: Threads, state: State | None = None
) -> IncidentsResponse:
    """List incidents, newest first."""
    incidents = workspace_of(request).incidents
    found = await threads.run(lambda: incidents.listing(caller.principal, caller.actor, state or ""))
    return IncidentsResponse(incidents=[IncidentBody.model_validate(one.as_json()) for one in found])


@router.get(ONE)
async def show(incident_id: str, request: Request, caller: Person, threads: Threads) -> IncidentBody:
    """Show one: what was found, on which entries of the log it rests, and what is frozen for it."""
    incidents = workspace_of(request).incidents
    found = await threads.run(lambda: incidents.show(incident_id, caller.principal, caller.actor))
    return IncidentBody.model_validate(found.as_json())


@router.post(f"{ONE}/freeze")
async def freeze(
    incident_id: str, body: FreezeRequest, request: Request, caller: Person, threads: Threads
) -> FreezeBody:
    """Freeze an account, source, tool or model endpoint from the next request on, until a person ends it."""
    incidents, who, by = workspace_of(request).incidents, caller.principal, caller.actor
    made = await threads.run(
        lambda: incidents.freeze(incident_id, body.kind, body.name, body.reason, who, by)
    )
    return FreezeBody.model_validate(
        next(one.as_json() for one in made.frozen if (one.kind, one.name) == (body.kind, body.name))
    )


@router.post(f"{ONE}/thaw")
async def thaw(
    incident_id: str, body: FreezeRequest, request: Request, caller: Person, threads: Threads
) -> FreezeBody:
    """End a freeze of this incident; what applied before applies again."""
    incidents, who, by = workspace_of(request).incidents, caller.principal, caller.actor
    ended = await threads.run(lambda: incidents.thaw(body.kind, body.name, body.reason, who, by, incident_id))
    return FreezeBody.model_validate(ended.as_json())


@router.post(f"{ONE}/close")
async def close(
    incident_id: str, body: CloseRequest, request: Request, caller: Person, threads: Threads
) -> ClosedBody:
    """Close an incident; what is frozen stays so."""
    incidents = workspace_of(request).incidents
    made = await threads.run(
        lambda: incidents.close(incident_id, body.outcome, caller.principal, caller.actor)
    )
    return ClosedBody(id=made.id, state=made.state, closed_at=made.closed_at, closed_by=made.closed_by)
