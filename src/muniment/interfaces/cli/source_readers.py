"""sources who-can-read and explain: who may read a document, and through what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace

Document = Annotated[
    str, typer.Argument(metavar="DOC", help="A document id, or SOURCE/PATH.", show_default=False)
]


def register(parent: typer.Typer) -> None:
    """Add the commands to their group."""
    parent.command("who-can-read", epilog=example("muniment sources who-can-read files/pay/2027.xlsx"))(
        who_can_read
    )
    parent.command(epilog=example("muniment sources explain files/pay/2027.xlsx alice"))(explain)


def who_can_read(document: Document) -> None:
    """List every account that may read a document, by which entry, and how it comes to that."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.source_readers.of_document(_id(workspace, document), OPERATOR)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    where = visible(f"{found.document.source}/{found.document.path}")
    scope = f", as the scope {visible(found.scope)} states" if found.scope else ""
    TERMINAL.show(f"{where}: {len(found.readers)} may read{scope}.")
    if not found.readers:
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (visible(one.who), visible(entry), visible(" > ".join(way[1:]) or "named there"))
        for one in found.readers
        for entry, way in one.ways.items()
    ]
    TERMINAL.show(table(("who", "by", "through"), rows))


def explain(
    document: Document, user: Annotated[str, typer.Argument(metavar="USER", show_default=False)]
) -> None:
    """Say whether a user may read a document, with every reason from its source to policy."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        chain = workspace.source_readers.explain(_id(workspace, document), user, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document(chain.as_json())
        return
    where = visible(f"{chain.document.source}/{chain.document.path}")
    TERMINAL.show(f"{'Yes' if chain.reads else 'No'}: {visible(chain.who)}, {where}")
    for step in chain.steps:
        TERMINAL.show(f"  {'yes' if step.ok else 'no ':<4}{step.what:<9}{visible(step.says)}")


def _id(workspace: Workspace, target: str) -> str:
    """Return the id of the one document that a target names."""
    from muniment.foundation.errors import BadInput

    views = workspace.access.show(target)
    if len(views) != 1:
        raise BadInput(
            f"{target} names {len(views)} documents.", fix="Name one, by its id or as SOURCE/PATH."
        )
    return views[0].document.id
