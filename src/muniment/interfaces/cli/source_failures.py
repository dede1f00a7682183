"""sources failures and retry: items of a connected source that could not be read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.source_connections import Name
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.knowledge.syncing.items import Dead

_AT_ONCE = 500
_SHOWN = 50


def register(parent: typer.Typer) -> None:
    """Add the commands to their group."""
    parent.command(epilog=example("muniment sources failures files"))(failures)
    parent.command(epilog=example("muniment sources retry files", "muniment sources retry files ID"))(retry)


def failures(name: Name) -> None:
    """List the items of a source that were given up, why, and after how many attempts."""
    found: list[Dead] = []
    with TERMINAL.workspace() as workspace:
        waiting = workspace.sources.standing(name).items.get("waiting", 0)
        while some := workspace.sources.dead(name, found[-1].id if found else "", _AT_ONCE):
            found += some
    if TERMINAL.json:
        TERMINAL.document({"source": name, "waiting": waiting, "failures": [asdict(one) for one in found]})
        return
    if not found:
        TERMINAL.show(f"Nothing of {visible(name)} was given up; {waiting} items wait to be read.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (visible(one.id), visible(one.path), visible(one.reason or one.why), str(one.attempts))
        for one in found[:_SHOWN]
    ]
    TERMINAL.show(table(("item", "path", "why", "attempts"), rows))
    if len(found) > _SHOWN:
        TERMINAL.show(f"and {len(found) - _SHOWN} more; --json lists all")
    TERMINAL.show(f"To have them read again: muniment sources retry {visible(name)}")


def retry(
    name: Name,
    items: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM...", help="Ids; otherwise all.", show_default=False)
    ] = None,
) -> None:
    """Have items that were given up read again with the next pass."""
    from muniment.foundation.errors import BadInput
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        count = workspace.sources.retry(name, items or None, OPERATOR)
    if items and not count:
        raise BadInput(f"{name} gave up none of these items.", fix=f"See `muniment sources failures {name}`.")
    if TERMINAL.json:
        TERMINAL.document({"source": name, "items": count})
        return
    TERMINAL.show(f"{count} items of {visible(name)} are read again with its next pass.")
