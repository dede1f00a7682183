"""audit sinks and copy: the copies of the log in other places."""

from __future__ import annotations

from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible


def register(app: typer.Typer) -> None:
    """Add the commands to the group `audit`."""
    app.command(epilog=example("muniment audit sinks"))(sinks)
    app.command(epilog=example("muniment audit copy", "muniment audit copy siem"))(copy)


def sinks() -> None:
    """Show each copy of the log: how far it is, what is missing there, and why; exit 1 where one is behind."""
    with TERMINAL.workspace() as workspace:
        found = workspace.copies.standing()
    if TERMINAL.json:
        TERMINAL.document({"sinks": [one.as_json() for one in found]})
    elif not found:
        TERMINAL.show("The log is copied nowhere. Name a place in settings.toml: [audit.sinks.NAME].")
    for one in () if TERMINAL.json else found:
        state = "BEHIND" if one.behind else "keeps up"
        required = ", required" if one.required else ""
        TERMINAL.show(
            f"{one.name} ({one.kind}{required}): {state}, {one.backlog} entries missing, "
            f"last taken {one.taken_at or 'never'}"
        )
        if one.failure:
            TERMINAL.show(f"  failed {one.tries} times in a row: {visible(one.failure)}")
    if any(one.behind for one in found):
        raise typer.Exit(1)


def copy(
    name: Annotated[
        str | None, typer.Argument(help="One of `sinks`; default: all.", show_default=False)
    ] = None,
) -> None:
    """Copy what is missing now, holding nothing back; a server does so by itself. Exit 1 where some stays missing."""
    with TERMINAL.workspace() as workspace:
        taken = workspace.copies.copy_now(name)
        left = {one.name: one for one in workspace.copies.standing() if one.name in taken}
    if TERMINAL.json:
        plain = {key: {"copied": count, **left[key].as_json()} for key, count in taken.items()}
        TERMINAL.document({"sinks": plain})
    for key, count in () if TERMINAL.json else taken.items():
        why = f" ({visible(left[key].failure)})" if left[key].failure else ""
        TERMINAL.show(f"{key}: {count} entries copied, {left[key].backlog} missing{why}")
    if any(one.failure for one in left.values()):
        raise typer.Exit(1)
