"""init, serve and token: making a workspace, serving it, and signing people in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import doctor
from muniment.interfaces.cli.options import AsUser, example
from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.interfaces.listening import Listening
    from muniment.interfaces.supervisor import Supervisor
    from muniment.interfaces.tenants import TenantServer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=example("muniment init"))(init)
    app.command(epilog=example("muniment serve --link alice"))(serve)
    app.command(name="doctor", epilog=example("muniment doctor"))(doctor.doctor)
    app.command(epilog=example("muniment token --as alice --ttl 600"))(token)


def init() -> None:
    """Make keys and a database, encrypted in the home folder or on Postgres; harmless where they exist."""
    from muniment import app as composition
    from muniment.foundation.errors import BadInput

    home = TERMINAL.home_folder()
    if TERMINAL.tenant is not None:
        raise BadInput("A tenant is not made by init.", fix="Use `muniment tenants create`.")
    made = not composition.exists(home)
    workspace = composition.create(home) if made else composition.open(home)
    try:
        facts: dict[str, object] = {
            "home": str(home.resolve()),
            "created": made,
            "tenant": workspace.keyring.tenant,
            "public_key": workspace.audit.public_key(),
            "database": workspace.database.place,
        }
        remote = bool(workspace.settings.database.url)
    finally:
        workspace.close()
    if TERMINAL.json:
        TERMINAL.document(facts)
        return
    if not made:
        TERMINAL.show(f"There is already a workspace in {home}; nothing was changed.")
        return
    TERMINAL.show(
        f"Made a workspace in {home}.",
        f"  keys      {home}/keys (without them nothing opens: back them up, apart from the rest)",
        f"  database  {facts['database']}{'' if remote else ' (encrypted)'}",
        f"  log key   {facts['public_key']}",
        "",
        "Next: muniment directory import DIRECTORY.toml",
        "  or: muniment demo, to see it work on a sample company",
    )


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port.", show_default=False)] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USER", help="Print a one-time sign-in link, for TENANT/USER of a tenant; repeatable."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that serve together; each holds the index.", show_default=False
        ),
    ] = None,
) -> None:
    """Serve the web page and the HTTP interface until Ctrl-C; where the home has tenants, those too."""
    from muniment.interfaces.listening import listening
    from muniment.tenancy.places import names

    with TERMINAL.workspace() as workspace:
        workspace.require_identity()
        settings = workspace.settings.server
        where = listening(workspace, host or settings.host)
        wanted = settings.port if port is None else port
        several = bool(names(workspace.home)) and TERMINAL.tenant is None
        together = workers or settings.workers
        if together == 1:
            free = open_port(where.host, wanted)
            serve_workspace(workspace, where, free, link or [], several)
            return
        supervisor = _supervisor(workspace, where, wanted, link or [], several, together)
    supervisor.run()
    TERMINAL.say("Stopped serving.")


def open_port(host: str, port: int) -> int:
    """Return the port if it is free, for 0 any free one; raises OSError naming the address where it is taken."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            error.filename = f"{host}:{port}"
            raise
        return int(probe.getsockname()[1])


def serve_workspace(
    workspace: Workspace, where: Listening, port: int, links: list[str], several: bool = False
) -> None:
    """Serve an open workspace; prints its address and a one-time link for each name in `links`.

    With `several`, its tenants are served too.
    """
    from muniment.interfaces.server import serve as run_server

    application = _tenant_server(workspace, where) if several else None
    _announce(workspace, where, port, links, several)
    run_server(workspace, where, port, application)
    TERMINAL.say("Stopped serving.")


def _supervisor(
    workspace: Workspace, where: Listening, port: int, links: list[str], several: bool, workers: int
) -> Supervisor:
    """Listen, say so, and return what serves with several workers, each of which opens the workspace itself."""
    from muniment.foundation.telemetry.log_lines import write_lines
    from muniment.interfaces.cli.worker import command
    from muniment.interfaces.supervisor import Supervisor, listener
    from muniment.interfaces.worker import Orders
    from muniment.settings import described

    if workspace.settings.telemetry.log == "json":
        write_lines()
    listens = listener(where.host, port)
    port = int(listens.getsockname()[1])
    _announce(workspace, where, port, links, several)
    orders = Orders(
        home=str(TERMINAL.host_folder().absolute()),
        tenant=TERMINAL.tenant,
        host=where.host,
        port=port,
        several=several,
        settings=described(workspace.settings),
        of=workers,
    )
    return Supervisor(listens, orders, command)


def _announce(workspace: Workspace, where: Listening, port: int, links: list[str], several: bool) -> None:
    base = where.base(port, workspace.settings.server.allowed_hosts)
    made = sign_in_links(workspace, links, base)
    if TERMINAL.json:
        TERMINAL.document({"address": base, "links": made, "tenants": several})
    else:
        TERMINAL.show(f"Serving on {base} (Ctrl-C stops).")
        for name, url in made.items():
            TERMINAL.out.print(f"  {name:<10} {url}", soft_wrap=True)
        if workspace.issuers:
            TERMINAL.show("  People sign in through the identity provider.")
        elif not made:
            TERMINAL.show("  For a one-time sign-in link: muniment serve --link USER")


def _tenant_server(workspace: Workspace, where: Listening) -> TenantServer:
    from muniment.interfaces.tenants import TenantServer

    return TenantServer(workspace, where.proxies)


def sign_in_links(workspace: Workspace, names: list[str], base: str) -> dict[str, str]:
    """Return a one-time sign-in link for each name, such as `alice`, or `acme/alice` of a tenant."""
    return {name: f"{base}/signin?token={_link(workspace, name)}" for name in names}


def _link(workspace: Workspace, name: str) -> str:
    from muniment.governance.identity.principal import OPERATOR
    from muniment.tenancy import places

    tenant, slash, user = name.partition("/")
    if not (slash and tenant in places.names(workspace.home)):
        return workspace.sessions.create_link(workspace.directory.principal(name), OPERATOR)
    other = places.opened(workspace.home, tenant)
    try:
        return other.sessions.create_link(other.directory.principal(user), OPERATOR)
    finally:
        other.close()


def token(
    as_: AsUser,
    ttl: Annotated[int, typer.Option(min=1, max=86400, help="Seconds until it expires.")] = 3600,
) -> None:
    """Issue a short-lived bearer token for the HTTP interface."""
    from muniment.governance.audit.entry import Entry
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        issued = workspace.tokens.issue(principal, ttl)
        workspace.audit.record([Entry("token.issued", OPERATOR, {"for": principal.ref, "ttl_seconds": ttl})])
    if TERMINAL.json:
        TERMINAL.document({"token": issued, "principal": principal.ref, "expires_in": ttl})
    else:
        TERMINAL.out.print(issued, soft_wrap=True)
