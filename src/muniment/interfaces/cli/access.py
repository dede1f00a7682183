"""access: who may read a document or a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.knowledge.access_control import AccessChange, AccessView

app = typer.Typer(no_args_is_help=True)
Target = Annotated[
    str, typer.Argument(metavar="DOC-OR-FOLDER", help="A document id, or SOURCE/PATH.", show_default=False)
]
Entries = list[str] | None


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="access", help="Who may read what.")


@app.command(epilog=example("muniment access show handbook/salaries"))
def show(target: Target) -> None:
    """Show who may read a document, or each document of a folder, and which rule says so."""
    with TERMINAL.workspace() as workspace:
        views = workspace.access.show(target)
    if TERMINAL.json:
        TERMINAL.document({"documents": [_plain(view) for view in views]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            visible(f"{view.document.source}/{view.document.path}"),
            " ".join(sorted(view.access.allow)) or "nobody",
            " ".join(sorted(view.access.deny)),
            view.rule,
            visible(view.access.sensitivity or "none"),
            visible("; ".join(one.said() for one in view.raised_by)),
        )
        for view in views
    ]
    TERMINAL.show(table(("document", "allow", "deny", "rule", "label", "raised by"), rows))


# Several values may follow --allow or --deny: `main` rewrites them to one option each.
@app.command("set", epilog=example("muniment access set handbook/pay --allow group:people --deny user:bob"))
def set_(
    target: Target,
    allow: Annotated[Entries, typer.Option(metavar="P..", help="user:, group: or service:NAME.")] = None,
    deny: Annotated[Entries, typer.Option(metavar="P..", help="Deny wins over allow.")] = None,
    sensitivity: Annotated[str | None, typer.Option(help="A label, such as internal.")] = None,
) -> None:
    """Replace what the source says about a document or folder; felt by the next request."""
    from muniment.foundation.errors import BadInput
    from muniment.governance.identity.principal import OPERATOR

    if not allow and not deny:
        raise BadInput(
            "Nothing to set.",
            fix="Give --allow or --deny (`--allow group:everyone` opens, `access clear` undoes).",
        )
    with TERMINAL.workspace() as workspace:
        change = workspace.access.set(target, allow or [], deny or [], OPERATOR, sensitivity)
    _report(change, "now follow this rule")


@app.command(epilog=example("muniment access clear handbook/pay"))
def clear(target: Target) -> None:
    """Let the source's own manifests rule again."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        change = workspace.access.clear(target, OPERATOR)
    _report(change, "follow their source again")


def _report(change: AccessChange, what: str) -> None:
    if TERMINAL.json:
        TERMINAL.document({"source": change.source, "path": change.path, "documents": list(change.documents)})
        return
    place = visible(f"{change.source}/{change.path}".rstrip("/"))
    TERMINAL.show(f"{len(change.documents)} documents at {place} {what}, from the next request on.")


def _plain(view: AccessView) -> dict[str, object]:
    return {
        "document": view.document.id,
        "source": view.document.source,
        "path": view.document.path,
        "title": view.document.title,
        "version": view.document.version,
        "allow": sorted(view.access.allow),
        "deny": sorted(view.access.deny),
        "sensitivity": view.access.sensitivity,
        "rule": view.rule,
        "raised_by": [one.as_json() for one in view.raised_by],
    }
