"""Which models a caller may ask. One that a caller may not use is not named to that caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Security

from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Entry
from muniment.inference.gateway import endpoint_resource
from muniment.interfaces.authenticate import Caller, api_caller, at_the_door, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.bodies import ModelBody, ModelsResponse

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.identity.principal import Principal
    from muniment.inference.catalog import Endpoint

router = APIRouter(tags=["models"])

Lister = Annotated[Caller, Security(api_caller, scopes=["models"])]


class NoSuchModel(BadInput):
    """No model of that name, or one that is not the caller's to use."""


@router.get("/v1/models")
async def models(request: Request, caller: Lister) -> ModelsResponse:
    """List the models that you may ask."""
    return ModelsResponse(data=await _usable(request, caller))


@router.get("/v1/models/{model_id}")
async def model(model_id: str, request: Request, caller: Lister) -> ModelBody:
    """Return a model that you may ask."""
    for one in await _usable(request, caller):
        if one.id == model_id:
            return one
    raise NOTHING_HERE


async def _usable(request: Request, caller: Caller) -> list[ModelBody]:
    workspace = workspace_of(request)
    usable = await at_the_door(request, lambda: usable_models(workspace, caller.principal))
    return [ModelBody(id=one.name, owned_by=one.kind) for one in usable]


def usable_models(workspace: Workspace, principal: Principal) -> list[Endpoint]:
    """Return the endpoints that a principal may use, ordered by name; raises Denied for an inactive one."""
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, principal)
    return [
        endpoint
        for endpoint in workspace.catalog.endpoints()
        if standing.decide("use_model", endpoint_resource(endpoint)).allowed
    ]


def check_model(workspace: Workspace, caller: Caller, name: str | None) -> None:
    """Refuse a model that is absent, or not this caller's to use, in the same words, on record; raises BadInput."""
    wanted = workspace.catalog.default if name is None else name
    if wanted in {endpoint.name for endpoint in usable_models(workspace, caller.principal)}:
        return
    known = wanted in {endpoint.name for endpoint in workspace.catalog.endpoints()}
    about = {
        "principal": caller.principal.ref,
        "reason": "model",
        "model": wanted if known else workspace.audit.commitment(wanted),
    }
    workspace.audit.record([Entry("answer.refused", caller.actor, about)])
    raise NoSuchModel("There is no model of that name that you may use.", fix="See /v1/models.")
