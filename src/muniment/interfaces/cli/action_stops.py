"""actions stop, resume and stops: the switch that stops agents."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.actions.stops import Stop

What = Annotated[
    Literal["everything", "tool", "model"],
    typer.Argument(metavar="everything|tool|model", show_default=False),
]
Name = Annotated[str, typer.Argument(metavar="[NAME]", help="Of the tool or model.", show_default=False)]
StopId = Annotated[
    str, typer.Argument(metavar="STOP-ID", help="Of `muniment actions stops`.", show_default=False)
]


def register(parent: typer.Typer) -> None:
    """Add the commands to the group."""
    stopping = (
        "muniment actions stop everything --reason 'An alarm'",
        "muniment actions stop tool refund --reason 'Audit'",
    )
    parent.command(epilog=example(*stopping))(stop)
    parent.command(epilog=example("muniment actions resume STOP-ID"))(resume)
    parent.command(epilog=example("muniment actions stops"))(stops)


def stop(what: What, reason: Reason, name: Name = "", as_: AsOfficer = None) -> None:
    """Stop everything, a tool or a model, in every process from the next call on; approved calls are refused too."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.stops.stop(what, name, reason, who, by)
    _done(made, f"Stopped. Again: muniment actions resume {made.id}")


def resume(id: StopId, as_: AsOfficer = None) -> None:
    """Let go on what a stop held."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.stops.end(id, who, by)
    _done(made, f"{made.id} has ended.")


def stops(as_: AsOfficer = None) -> None:
    """Show what is and was stopped, newest first."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.stops.listing(who, by)
    if TERMINAL.json:
        TERMINAL.document({"stops": [asdict(one) for one in found]})
        return
    if not found:
        TERMINAL.show("Nothing is stopped, and nothing ever was.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            one.id,
            f"{one.kind} {visible(one.name)}".strip(),
            "lasts" if one.ended_at is None else f"ended {one.ended_at[:16]}",
            one.stopped_at[:16],
            one.stopped_by,
            visible(one.reason),
        )
        for one in found
    ]
    TERMINAL.show(table(("", "what", "", "since", "by", "reason"), rows))


def _done(made: Stop, said: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(asdict(made))
    else:
        TERMINAL.show(said)
