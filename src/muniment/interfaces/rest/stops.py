"""The switch that stops agents, for whoever administers."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request

from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.rest.action_bodies import StopBody, StopRequest, StopsResponse
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.approvals import Person
from muniment.interfaces.rest.shared_paths import SharesItsPath

ALL = "/v1/actions/stops"
router = APIRouter(tags=["actions"], route_class=SharesItsPath)


@router.get(ALL)
async def stops(request: Request, caller: Person, threads: Threads) -> StopsResponse:
    """List what is and was stopped."""
    switch = workspace_of(request).stops
    found = await threads.run(lambda: switch.listing(caller.principal, caller.actor))
    return StopsResponse(stops=[StopBody.model_validate(asdict(one)) for one in found])


@router.post(ALL)
async def stop(body: StopRequest, request: Request, caller: Person, threads: Threads) -> StopBody:
    """Stop everything, a tool or a model, from the next call on."""
    switch = workspace_of(request).stops
    made = await threads.run(
        lambda: switch.stop(body.kind, body.name, body.reason, caller.principal, caller.actor)
    )
    return StopBody.model_validate(asdict(made))


@router.post(f"{ALL}/{{stop_id}}/end")
async def resume(stop_id: str, request: Request, caller: Person, threads: Threads) -> StopBody:
    """Let go on what a stop held."""
    switch = workspace_of(request).stops
    made = await threads.run(lambda: switch.end(stop_id, caller.principal, caller.actor))
    return StopBody.model_validate(asdict(made))
