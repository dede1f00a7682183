"""Puts the HTTP interface and the web pages together over one workspace."""

from __future__ import annotations

import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from muniment import __version__
from muniment.app.releasing import releasing_of
from muniment.assurance.release import canary
from muniment.foundation.errors import MunimentError
from muniment.foundation.telemetry.log_lines import write_lines
from muniment.interfaces import openai, problems, scim
from muniment.interfaces.authenticate import AT_THE_DOOR
from muniment.interfaces.boundary import Boundary
from muniment.interfaces.crew import ALONE, Crew
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.lazily import Lazily
from muniment.interfaces.limits import Limits
from muniment.interfaces.listening import Listening
from muniment.interfaces.locked import Locked
from muniment.interfaces.mcp import routes as mcp
from muniment.interfaces.measured import NOT_ITS_OWN, Measured, Routed, admit, templates
from muniment.interfaces.offload import Offload
from muniment.interfaces.openai import chat, errors
from muniment.interfaces.rest import (
    actions,
    answers,
    approvals,
    audit,
    conversations,
    documents,
    evaluations,
    feedback,
    health,
    incidents,
    metrics,
    models,
    search,
    sources,
    stops,
    token,
    tools,
    workflows,
)
from muniment.interfaces.web.problem_page import problem_page
from muniment.interfaces.web.routes import ROUTERS

if TYPE_CHECKING:
    from socket import socket

    import uvicorn

    from muniment.app import Workspace
    from muniment.foundation.telemetry.instruments import Reads

SLOTS = 8
"""Requests that one process works on at one time."""
STREAMS = 64
"""Answers that are streamed at one time."""
GRACE_SECONDS = 5
"""How long requests may go on once the server is told to end."""
_WORKFLOWS_AFTER = 2.0
"""Seconds until a server begins to run workflows."""
_ERRORS = {
    400: "The request cannot be read.",
    401: "No credential, or one that does not hold.",
    403: "Not allowed.",
    404: "Absent, or not yours to read.",
    413: "Too large.",
    421: "Not a host name of this server.",
    422: "Does not fit.",
    429: "A limit is reached; `Retry-After` says for how long.",
    503: "Cannot be done now; nothing was done.",
}


def create_server(
    workspace: Workspace,
    offload: Offload | None = None,
    proxies: Proxies | None = None,
    hosts: frozenset[str] | None = None,
    crew: Crew = ALONE,
    tenant: str = "",
) -> FastAPI:
    """Return the application; it serves only requests for these hosts, or for those that the settings name.

    What counts towards limits is counted with `crew`, apart for each `tenant` of one host.
    """
    workspace.require_identity()
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": problems.DOCUMENTED} for status, text in _ERRORS.items()
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
        telemetry=NOT_ITS_OWN,
        lifespan=_keeping(workspace, crew),
    )
    app.state.workspace = workspace
    app.state.readings = workspace.readings
    limits = workspace.settings.limits
    app.state.limits = Limits(workspace, crew.rates(workspace.clock, tenant))
    app.state.offload = offload or Offload(
        SLOTS, waiting(workspace, crew), crew.portion(STREAMS), crew.in_hand(tenant)
    )
    app.state.door = CapacityLimiter(AT_THE_DOOR)
    problems.install(app, problem_page)
    rooms = (
        search,
        answers,
        conversations,
        feedback,
        documents,
        tools,
        stops,
        actions,
        approvals,
        workflows,
        audit,
        incidents,
        evaluations,
        sources,
    )
    for room in (*rooms, chat, models, token, health, metrics, mcp):
        app.include_router(room.router)
    for router in ROUTERS:
        app.include_router(router)
    names = host_names(workspace) if hosts is None else hosts
    app.mount(scim.PREFIX, Lazily(lambda: _provisioning(app, names)), name="scim")
    admit(templates(app.routes))
    app.add_middleware(Routed)
    app.add_middleware(Locked, check=workspace.lease.check, answer=refusal)
    proxies = proxies or Proxies(workspace.settings.network.proxies())
    app.add_middleware(
        Boundary,
        hosts=names,
        proxies=proxies,
        longest_body=limits.body_kb << 10,
        larger={
            scim.PREFIX: max(scim.LONGEST_BODY, limits.body_kb << 10),
            openai.CHAT: max(openai.LONGEST_BODY, limits.body_kb << 10),
            sources.ALL: sources.LONGEST_CALL,
        },
        deepest_json=limits.json_depth,
        plain=plain,
    )
    app.add_middleware(Measured, proxies=proxies)
    return app


def waiting(workspace: Workspace, crew: Crew = ALONE) -> int:
    """Return how many requests of a workspace may wait in this process."""
    return max(1, crew.portion(workspace.settings.limits.tenant_concurrent) - SLOTS)


def host_names(workspace: Workspace) -> frozenset[str]:
    """Return the names that a server is called by, as the settings say."""
    server = workspace.settings.server
    return frozenset(server.allowed_hosts) | ({server.host} - _EVERY_ADDRESS)


_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104


def _provisioning(app: FastAPI, hosts: frozenset[str]) -> FastAPI:
    from muniment.interfaces.scim.service import service

    state = app.state
    return service(state.workspace, state.offload, state.limits, state.door, hosts)


def _of_scim(path: str) -> bool:
    return path.startswith(scim.PREFIX + "/")


def refusal(request: Request, error: MunimentError) -> Response:
    """Return what a caller is told of an error that comes before any route."""
    if request.url.path == openai.CHAT:
        return errors.refused(error)
    if not _of_scim(request.url.path):
        return problems.answered(request, error, problem_page)
    from muniment.interfaces.scim.errors import refused

    return refused(error)


def plain(scope: Scope, status: int) -> Response:
    """Answer a request that reaches no route with a bare HTTP status."""
    if scope["path"] == openai.CHAT:
        return errors.plain_refusal(status)
    if not _of_scim(scope["path"]):
        return problems.plain_problem(status)
    from muniment.interfaces.scim.errors import plain_refusal

    return plain_refusal(status)


@contextmanager
def kept(workspace: Workspace) -> Generator[None]:
    """Do what a workspace needs done while it is served: prove its key, end what is over, write what repeats."""
    told = workspace.notifications
    with (
        workspace.lease.kept(),
        workspace.serving.recorded(),
        workspace.emergencies.watched(),
        workspace.execution.watched(),
        workspace.repeats.kept(),
        workspace.copies.watched(),
        workspace.detection.watched(),
        workspace.retention.watched(),
        canary.watched(lambda: releasing_of(workspace).canary),
        told.watched() if told else nullcontext(),
        workspace.witnesses.watched(),
        workspace.feeding.running(),
        _running_workflows(workspace),
    ):
        yield


@contextmanager
def _running_workflows(workspace: Workspace) -> Generator[None]:
    """Run workflows where what records them is installed; they load for a second, once the server serves."""
    if not workspace.can_run_workflows:
        yield
        return
    stop = threading.Event()

    def launch() -> None:
        if not stop.wait(_WORKFLOWS_AFTER):
            workspace.workflows.launch()

    thread = threading.Thread(target=launch, name="workflows-launch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def reported(workspace: Workspace, reads: Reads, crew: Crew) -> AbstractContextManager[None]:
    """Hand telemetry to the collector of the settings while the block runs; one process hands over all counts."""
    sending = workspace.sending(reads if crew.number == 1 else None)
    return sending.running() if sending else nullcontext()


def _keeping(workspace: Workspace, crew: Crew) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        with reported(workspace, app.state.readings, crew), kept(workspace):
            yield

    return lifespan


def _route_name(route: APIRoute) -> str:
    return route.name


def _prepare(workspace: Workspace) -> None:
    # What is wrong is told to whoever searches.
    with suppress(MunimentError):
        workspace.prepare()


def serve(workspace: Workspace, where: Listening, port: int, app: ASGIApp | None = None) -> None:
    """Serve a workspace, or `app` around it, until interrupted.

    Writes no access log, since addresses hold what people read.
    """
    run(workspace, where, server_of(workspace, where, port, app))


def run(workspace: Workspace, where: Listening, made: uvicorn.Server, listener: socket | None = None) -> None:
    """Let a server serve until it is told to end, on its address or on a socket that listens already."""
    # Requests are served meanwhile, only slower.
    threading.Thread(target=_prepare, args=[workspace], name="prepare").start()
    with suppress(KeyboardInterrupt), where.served.followed() if where.served else nullcontext():
        made.run([listener] if listener else None)
    if not made.started:
        raise SystemExit(1)


def server_of(
    workspace: Workspace,
    where: Listening,
    port: int,
    app: ASGIApp | None = None,
    backlog: int = 2048,
) -> uvicorn.Server:
    """Return what serves the workspace's application, or another one, at an address, as `uvicorn_of` does."""
    served = app or create_server(workspace, proxies=where.proxies)
    return uvicorn_of(served, where, port, backlog, lines=workspace.settings.telemetry.log == "json")


def uvicorn_of(
    app: ASGIApp, where: Listening, port: int, backlog: int = 2048, *, lines: bool = False
) -> uvicorn.Server:
    """Return what serves an application at an address; with `lines`, what it logs are lines of JSON.

    It takes up to `backlog` connections before it looks at those that it has.
    """
    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from muniment.interfaces.peer import Connection

    def context(_config: uvicorn.Config, _usual: object) -> ssl.SSLContext:
        if where.served is None:
            raise TypeError("nothing to serve over TLS")
        return where.served.context

    if lines:
        write_lines()
    config = uvicorn.Config(
        app,
        host=where.host,
        port=port,
        access_log=False,
        log_level="warning",
        log_config=None if lines else LOGGING_CONFIG,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=backlog,
        ssl_context_factory=context if where.served else None,
        http=Connection,
    )
    return uvicorn.Server(config)
