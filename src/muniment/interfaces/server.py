"""Puts the HTTP interface and the web pages together over one workspace."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Scope

from muniment import __version__
from muniment.foundation.errors import MunimentError
from muniment.interfaces import problems, scim
from muniment.interfaces.boundary import Boundary
from muniment.interfaces.lazily import Lazily
from muniment.interfaces.locked import Locked
from muniment.interfaces.offload import Offload
from muniment.interfaces.rest import answers, documents, health, models, search
from muniment.interfaces.web import pages, signin
from muniment.interfaces.web.problem_page import problem_page

if TYPE_CHECKING:
    from muniment.app import Workspace

_ERRORS = {
    400: "The request cannot be read.",
    401: "No credential, or one that does not hold.",
    403: "Not allowed.",
    404: "Absent, or not yours to read.",
    413: "Too large.",
    421: "Not a host name of this server.",
    422: "Does not fit.",
    503: "Cannot be done now; nothing was done.",
}


def create_server(workspace: Workspace, offload: Offload | None = None) -> FastAPI:
    """Return the application; it serves only requests for the hosts that the settings name."""
    workspace.require_identity()
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}}
        for status, text in _ERRORS.items()
    }
    app = FastAPI(
        title="Muniment",
        version=__version__,
        description="Answers and passages from what the caller may read, with evidence.",
        docs_url=None,
        redoc_url=None,
        responses=responses,
        generate_unique_id_function=_route_name,
        strict_content_type=True,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        lifespan=_keeping(workspace),
    )
    app.state.workspace = workspace
    app.state.offload = offload or Offload()
    problems.install(app, problem_page)
    for room in (search, answers, documents, models, health):
        app.include_router(room.router)
    app.include_router(signin.router)
    app.include_router(pages.router)
    server = workspace.settings.server
    hosts = frozenset(server.allowed_hosts) | {server.host}
    app.mount(scim.PREFIX, Lazily(lambda: _provisioning(app, hosts)), name="scim")
    app.add_middleware(Locked, check=workspace.lease.check, answer=_answer)
    app.add_middleware(Boundary, hosts=hosts, larger={scim.PREFIX: scim.LONGEST_BODY}, plain=_plain)
    return app


def _provisioning(app: FastAPI, hosts: frozenset[str]) -> FastAPI:
    from muniment.interfaces.scim.service import service

    return service(app.state.workspace, app.state.offload, hosts)


def _of_scim(path: str) -> bool:
    return path.startswith(scim.PREFIX + "/")


def _answer(request: Request, error: MunimentError) -> Response:
    if not _of_scim(request.url.path):
        return problems.answered(request, error, problem_page)
    from muniment.interfaces.scim.errors import refused

    return refused(error)


def _plain(scope: Scope, status: int) -> Response:
    if not _of_scim(scope["path"]):
        return problems.plain_problem(status)
    from muniment.interfaces.scim.errors import plain_refusal

    return plain_refusal(status)


_PROBLEM = problems.Problem.model_json_schema()


def _keeping(workspace: Workspace) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        with workspace.lease.kept(), workspace.emergencies.watched():
            yield

    return lifespan


def _route_name(route: APIRoute) -> str:
    return route.name


def _prepare(workspace: Workspace) -> None:
    # What is wrong is told to whoever searches.
    with suppress(MunimentError):
        workspace.prepare()


def serve(workspace: Workspace, host: str, port: int) -> None:
    """Serve until interrupted; writes no access log, since addresses hold what people read."""
    import uvicorn

    # Requests are served meanwhile, only slower.
    threading.Thread(target=_prepare, args=[workspace], name="prepare").start()
    uvicorn.run(
        create_server(workspace),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
