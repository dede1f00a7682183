"""The SCIM interface: its addresses, and what guards them.

Invariants:
- every address takes an API key with the scope `provision` and nothing else;
- the body is read only once the caller is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Request, Security
from scim2_models import NotFoundException, NotImplementedException
from starlette.responses import JSONResponse, Response

from muniment.governance.identity.provisioned import Provided
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.boundary import Boundary
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.measured import NOT_ITS_OWN, admit, templates
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.scim import LONGEST_BODY, PREFIX, body, endpoint, errors, query
from muniment.interfaces.scim.endpoint import Asked, Endpoint, Told
from muniment.interfaces.scim.models import PROVIDER

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.interfaces.limits import Limits
    from muniment.interfaces.offload import Offload

Provisioner = Annotated[Caller, Security(api_caller, scopes=["provision"])]
_KINDS: dict[str, tuple[Provided, ...]] = {
    "/Users": ("user",),
    "/Groups": ("group",),
    "": ("user", "group"),
}
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def service(
    workspace: Workspace, offload: Offload, limits: Limits, door: CapacityLimiter, hosts: frozenset[str]
) -> FastAPI:
    """Return the interface, to be mounted at PREFIX."""
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=NOT_ITS_OWN
    )
    app.state.workspace = workspace
    app.state.offload = offload
    app.state.limits = limits
    app.state.door = door
    errors.install(app)
    _add_resources(app, "/Users", lambda: endpoint.users(workspace.provisioning))
    _add_resources(app, "/Groups", lambda: endpoint.groups(workspace.provisioning))
    for path, kinds in _KINDS.items():
        _add_search(app, path, kinds)
    _add_discovery(app)
    app.add_api_route("/Me", _not_offered, methods=_EVERY_METHOD)
    app.add_api_route("/Bulk", _not_offered, methods=["POST"])
    admit(templates(app.routes, PREFIX))
    # What proxies say was believed, or not, before a request comes here.
    app.add_middleware(
        Boundary,
        hosts=hosts,
        proxies=Proxies(),
        longest_body=LONGEST_BODY,
        plain=lambda _, status: errors.plain_refusal(status),
    )
    return app


def _base(request: Request) -> str:
    return f"{request.base_url}".rstrip("/") + PREFIX


def _asked(request: Request, caller: Provisioner) -> Asked:
    said = query.stated(request)
    shown = {name: said[name] for name in ("attributes", "excludedAttributes") if name in said}
    headers = request.headers
    return Asked(_base(request), caller.actor, shown, headers.get("if-match"), headers.get("if-none-match"))


Question = Annotated[Asked, Depends(_asked)]


def _answer(told: Told) -> Response:
    if told.body is None:
        return Response(None, told.status, told.headers)
    return JSONResponse(told.body, told.status, told.headers, errors.MEDIA_TYPE)


def _add_resources(app: FastAPI, path: str, resources: Callable[[], Endpoint[Any, Any]]) -> None:
    one = path + "/{resource_id}"

    async def create(request: Request, caller: Provisioner, asked: Question, threads: Threads) -> Response:
        said = await body.document(request)
        return _answer(await threads.run(lambda: resources().create(said, asked)))

    async def read(resource_id: str, caller: Provisioner, asked: Question, threads: Threads) -> Response:
        return _answer(await threads.run(lambda: resources().read(resource_id, asked)))

    async def replace(
        resource_id: str, request: Request, caller: Provisioner, asked: Question, threads: Threads
    ) -> Response:
        said = await body.document(request)
        return _answer(await threads.run(lambda: resources().replace(resource_id, said, asked)))

    async def patch(
        resource_id: str, request: Request, caller: Provisioner, asked: Question, threads: Threads
    ) -> Response:
        said = await body.document(request)
        return _answer(await threads.run(lambda: resources().patch(resource_id, said, asked)))

    async def delete(resource_id: str, caller: Provisioner, asked: Question, threads: Threads) -> Response:
        return _answer(await threads.run(lambda: resources().delete(resource_id, asked)))

    app.add_api_route(path, create, methods=["POST"])
    app.add_api_route(one, read, methods=["GET"])
    app.add_api_route(one, replace, methods=["PUT"])
    app.add_api_route(one, patch, methods=["PATCH"])
    app.add_api_route(one, delete, methods=["DELETE"])


def _add_search(app: FastAPI, path: str, kinds: tuple[Provided, ...]) -> None:
    async def listed(request: Request, said: dict[str, Any], threads: Threads) -> Response:
        provisioning, base = workspace_of(request).provisioning, _base(request)

        def work() -> dict[str, Any]:
            return query.page(provisioning, kinds, query.search_request(said, kinds), base)

        return JSONResponse(await threads.run(work), media_type=errors.MEDIA_TYPE)

    async def get(request: Request, caller: Provisioner, threads: Threads) -> Response:
        return await listed(request, query.stated(request), threads)

    async def search(request: Request, caller: Provisioner, threads: Threads) -> Response:
        return await listed(request, await body.document(request), threads)

    if path:
        app.add_api_route(path, get, methods=["GET"])
    app.add_api_route(path + "/.search", search, methods=["POST"])


def _add_discovery(app: FastAPI) -> None:
    described = {
        "/Schemas": [(str(one.id), one) for one in PROVIDER.schemas],
        "/ResourceTypes": [(str(one.id), one) for one in PROVIDER.resource_types],
    }

    async def config(request: Request, caller: Provisioner) -> Response:
        location = f"{_base(request)}/ServiceProviderConfig"
        return _described(PROVIDER.config, "ServiceProviderConfig", location)

    app.add_api_route("/ServiceProviderConfig", config, methods=["GET"])
    for path, found in described.items():
        _add_described(app, path, found)


def _add_described(app: FastAPI, path: str, found: list[tuple[str, Any]]) -> None:
    kind = path[1:-1]

    async def every(request: Request, caller: Provisioner) -> Response:
        base = f"{_base(request)}{path}"
        shown = [_dumped(one, kind, f"{base}/{identity}") for identity, one in found]
        listed = {"totalResults": len(shown), "startIndex": 1, "itemsPerPage": len(shown), "Resources": shown}
        return JSONResponse({"schemas": [query.LIST], **listed}, media_type=errors.MEDIA_TYPE)

    async def one(described_id: str, request: Request, caller: Provisioner) -> Response:
        for identity, resource in found:
            if identity == described_id:
                return _described(resource, kind, f"{_base(request)}{path}/{identity}")
        raise NotFoundException(detail="There is no such description.")

    app.add_api_route(path, every, methods=["GET"])
    app.add_api_route(path + "/{described_id}", one, methods=["GET"])


def _dumped(resource: Any, kind: str, location: str) -> dict[str, Any]:
    return {**resource.model_dump(), "meta": {"resourceType": kind, "location": location}}


def _described(resource: Any, kind: str, location: str) -> Response:
    return JSONResponse(_dumped(resource, kind, location), media_type=errors.MEDIA_TYPE)


def _not_offered(caller: Provisioner) -> Response:
    raise NotImplementedException(detail="This server does not offer that.")
