"""sources flags: what ingestion noted about the documents of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.knowledge.flags import Flag

Kind = Annotated[
    Literal["injection", "invisible", "boilerplate", "repeated", "duplicate", "near_duplicate"] | None,
    typer.Option(help="Only documents with this flag.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the command to the group."""
    parent.command(epilog=example("muniment sources flags handbook --kind duplicate"))(flags)


def flags(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    kind: Kind = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=10_000, help="Most documents listed.")] = 200,
    as_: AsOfficer = None,
) -> None:
    """List documents of a source that read like orders, hide text, repeat lines or are alike."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.source_flags.of(name, kind, limit, who, by)
    if TERMINAL.json:
        TERMINAL.document(
            {
                "documents": [
                    {"document": one.document.id, "path": one.document.path, "flags": plain_flags(one.flags)}
                    for one in found
                ]
            }
        )
        return
    if not found:
        TERMINAL.show("Nothing is flagged.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            one.document.id,
            visible(one.document.path),
            ", ".join(f"{f.kind} ({f.severity})" for f in one.flags),
        )
        for one in found
    ]
    TERMINAL.show(table(("document", "place", "flags"), rows))


def plain_flags(flags: Sequence[Flag]) -> list[dict[str, object]]:
    """Return flags as plain values."""
    return [
        {
            "kind": one.kind,
            "severity": one.severity,
            "found": list(one.found),
            "spans": [list(span) for span in one.spans],
            "others": dict(one.others),
            "count": one.count,
        }
        for one in flags
    ]
