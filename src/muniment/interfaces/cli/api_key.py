"""api-key: keys by which services call the HTTP interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.identity.api_keys import ApiKey, IssuedKey
    from muniment.governance.identity.principal import Principal

app = typer.Typer(no_args_is_help=True)
KeyId = Annotated[
    str,
    typer.Argument(
        metavar="KEY-ID", help="Of `muniment api-key list`; begins with key_.", show_default=False
    ),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="api-key", help="Keys by which services call the HTTP interface.")


@app.command(epilog=example("muniment api-key create helpdesk --scope search --scope ask --expires 90d"))
def create(
    service: Annotated[str, typer.Argument(metavar="SERVICE", show_default=False)],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="act, answers, ask, documents, evaluations, mcp, metrics, models, provision, search, tools:use or "
            "witness.",
        ),
    ] = None,
    expires: Annotated[str, typer.Option(metavar="TIME", help="After how long it ends, up to 400d.")] = "90d",
    certificate: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|SHA256",
            help="Let it hold only over connections with this client certificate.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a key and print it: it is not stored, and cannot be shown again."""
    from muniment.foundation import duration, thumbprint
    from muniment.governance.identity.principal import OPERATOR

    life = duration.parsed(expires)
    bound = None if certificate is None else thumbprint.stated(certificate)
    with TERMINAL.workspace() as workspace:
        made = workspace.api_keys.create(_service(workspace, service), scope or [], OPERATOR, life, bound)
        # A tenant's connections are those of the host that serves it.
        asks = workspace.settings.network.client_ca or workspace.settings.workspace.hosted
    if bound is not None and not asks:
        TERMINAL.say("Note: network.client_ca is not set, so no connection comes with a certificate yet.")
    _show(made, f"{made.key.id} of {made.key.principal.name}, until {made.key.expires_at[:16]}Z.")


@app.command("list", epilog=example("muniment api-key list --service helpdesk"))
def list_(
    service: Annotated[str | None, typer.Option(metavar="SERVICE", help="Only of this service.")] = None,
) -> None:
    """List the keys, oldest first; what a service sends is not among it."""
    with TERMINAL.workspace() as workspace:
        keys = workspace.api_keys.listing(_service(workspace, service) if service is not None else None)
    if TERMINAL.json:
        TERMINAL.document({"keys": [_plain(key) for key in keys]})
        return
    if not keys:
        TERMINAL.show("No keys. Make one: muniment api-key create SERVICE --scope search")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            key.id,
            visible(key.principal.name),
            " ".join(sorted(key.scopes)),
            key.created_at[:10],
            f"{key.expires_at[:16]}Z",
            f"{key.last_used_at[:16]}Z" if key.last_used_at else "never",
            f"{key.state}, bound" if key.certificate else key.state,
        )
        for key in keys
    ]
    shown = table(("key", "service", "scopes", "created", "expires", "last used", "state"), rows)
    shown.columns[0].no_wrap = True
    TERMINAL.show(shown)


@app.command(epilog=example("muniment api-key rotate key_r3e4d6ya7q2m --overlap 24h"))
def rotate(
    key: KeyId,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old key works on; 0 ends it now.")
    ] = "24h",
) -> None:
    """Make a key of the same service, scopes, life and certificate in place of another, and print it."""
    from muniment.foundation import duration
    from muniment.governance.identity.principal import OPERATOR

    span = duration.parsed(overlap)
    with TERMINAL.workspace() as workspace:
        made = workspace.api_keys.rotate(key, OPERATOR, span)
    ends = "works no more" if not span else f"works until {made.replaced_until[:16]}Z"
    _show(made, f"{made.key.id} is in place of {made.key.replaces}, which {ends}.")


@app.command(epilog=example("muniment api-key revoke key_r3e4d6ya7q2m"))
def revoke(key: KeyId) -> None:
    """End a key from the next request on; takes the whole key, too, where one was found."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        ended = workspace.api_keys.revoke(key, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document(_plain(ended))
    else:
        TERMINAL.show(f"{ended.id} of {visible(ended.principal.name)} is refused from the next request on.")


def _service(workspace: Workspace, name: str) -> Principal:
    """Return the account named; one of a person goes on to be refused as such."""
    named = name if name.startswith(("service:", "user:")) else f"service:{name}"
    return workspace.directory.principal(named)


def _show(made: IssuedKey, about: str) -> None:
    if TERMINAL.json:
        TERMINAL.document({"api_key": made.text, **_plain(made.key)})
        return
    TERMINAL.out.print(made.text, soft_wrap=True)
    TERMINAL.say(f"{about} It is shown this once.")


def _plain(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "service": key.principal.name,
        "scopes": sorted(key.scopes),
        "state": key.state,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "replaces": key.replaces,
        "replaced_by": key.replaced_by,
        "certificate": key.certificate,
    }
