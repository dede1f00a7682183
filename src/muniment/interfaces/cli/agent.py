"""agent: a task done by a model with tools, as far as rules and people let it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import AsUser, example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assistant.agent_run import Turn


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example('muniment agent "Refund order A-1001, it arrived broken" --as bob'))(agent)


def agent(
    task: Annotated[str, typer.Argument(metavar="TASK", show_default=False)],
    as_: AsUser,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="See `muniment models list`.", show_default=False)
    ] = None,
) -> None:
    """Do a task for USER by the tools that they may use; what is consequential waits for a person."""
    from muniment.governance.identity.principal import Actor
    from muniment.interfaces.cli.actions import context_of

    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        by = Actor(principal.ref, "cli")
        said = context_of(principal)
        found = workspace.agent.run(principal, task, by, model, None if TERMINAL.json else _say, said)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
        return
    TERMINAL.show(visible(found.text), "", "Written by a model; nothing in it was checked.")
    for turn in found.turns:
        if turn.action:
            TERMINAL.show(f"{turn.action}: {turn.outcome}  muniment actions show {turn.action} --as {as_}")


def _say(turn: Turn) -> None:
    trust = "" if turn.integrity != "untrusted" else "  (text of others was read)"
    TERMINAL.say(visible(f"{turn.move} {turn.about}".rstrip() + f": {turn.outcome}{trust}"))
