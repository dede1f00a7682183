"""sources: where documents come from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import (
    source_connections,
    source_failures,
    source_flags,
    source_labels,
    source_quarantine,
    source_readers,
    source_sync,
)
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.knowledge.library import SourceRow
    from muniment.knowledge.syncing.sources import Standing

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    for commands in (source_connections, source_sync, source_failures, source_readers, source_labels):
        commands.register(app)
    parent.add_typer(app, name="sources", help="Where documents come from.")
    source_flags.register(app)
    source_quarantine.register(app)


@app.command("list", epilog=example("muniment sources list"))
def list_() -> None:
    """List the sources, their state and documents, and when each was last read to the end."""
    from muniment.knowledge import library

    with TERMINAL.workspace() as workspace:
        connected = {one.connected.name: one for one in workspace.sources.listing()}
        with workspace.database.read() as connection:
            rows = library.sources(connection)
    if TERMINAL.json:
        TERMINAL.document({"sources": [_plain(row, connected.get(row.name)) for row in rows]})
        return
    if not rows:
        TERMINAL.show(
            "No sources yet. Add one: muniment ingest FOLDER --source NAME, or muniment sources add NAME KIND"
        )
        return
    from muniment.interfaces.cli.render import table

    cells = [
        (
            visible(r.name),
            r.kind,
            _state(connected.get(r.name)),
            str(r.documents),
            r.synced_at or "never",
            visible(r.location),
        )
        for r in rows
    ]
    TERMINAL.show(table(("source", "kind", "state", "documents", "last read to the end", "place"), cells))


@app.command(epilog=example("muniment sources show handbook"))
def show(name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)]) -> None:
    """Show one source: its documents by format, and the rules set by hand."""
    from muniment.foundation.errors import BadInput
    from muniment.knowledge import library

    with TERMINAL.workspace() as workspace:
        standing = next((one for one in workspace.sources.listing() if one.connected.name == name), None)
        with workspace.database.read() as connection:
            found = next((row for row in library.sources(connection) if row.name == name), None)
            if found is None:
                raise BadInput(f"No source named {name}.", fix="See `muniment sources list`.")
            formats = Counter(row.media_type for row in library.documents(connection, name))
            by_hand = library.overrides(connection, name)
    rules = {
        path or "/": {"allow": sorted(access.allow), "deny": sorted(access.deny)}
        for path, access in by_hand.items()
    }
    facts: dict[str, object] = {
        **_plain(found, standing),
        **({"settings": dict(standing.connected.stated or {})} if standing else {}),
        "formats": dict(sorted(formats.items())),
        "set_by_hand": rules,
    }
    if TERMINAL.json:
        TERMINAL.document(facts)
        return
    from muniment.interfaces.cli.render import facts_table

    TERMINAL.show(facts_table(facts))


def _state(standing: Standing | None) -> str:
    if standing is None:
        return "read by hand"
    if standing.connected.state == "active":
        return "served" if standing.served else "withheld"
    return standing.connected.state if standing.served else f"{standing.connected.state}, withheld"


def _plain(row: SourceRow, standing: Standing | None) -> dict[str, object]:
    return {
        "name": row.name,
        "kind": row.kind,
        "state": None if standing is None else standing.connected.state,
        "served": None if standing is None else standing.served,
        "location": row.location,
        "documents": row.documents,
        "synced_at": row.synced_at,
    }
