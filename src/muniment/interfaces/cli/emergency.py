"""emergency: a role for a while, for a reason, with a second person's approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.policy.emergency import Emergency

app = typer.Typer(no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="emergency", help="A role for a while, approved by a second person.")


@app.command(epilog=example("muniment emergency grant alice --role operator --for 1h --reason 'Disk full'"))
def grant(
    user: Annotated[str, typer.Argument(metavar="USER", show_default=False)],
    role: Annotated[str, typer.Option(metavar="ROLE", help="See `muniment role list`.", show_default=False)],
    reason: Reason,
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="1m to 8h.")] = "1h",
    as_: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Who asks; else whom it is for.")
    ] = None,
) -> None:
    """Ask for emergency access; it gives nothing until a second person approves."""
    from muniment.foundation.duration import parsed
    from muniment.governance.audit.entry import Actor

    with TERMINAL.workspace() as workspace:
        subject = workspace.directory.principal(user)
        who = subject if as_ is None else workspace.directory.principal(as_)
        made = workspace.emergencies.request(subject, role, parsed(for_), reason, who, Actor(who.ref, "cli"))
    _show(made, f"waits for somebody else: muniment emergency approve {made.id} --as USER")


@app.command(epilog=example("muniment emergency approve emg_x --as carol"))
def approve(
    id: Id,
    as_: Annotated[str, typer.Option("--as", metavar="USER", help="Who approves.", show_default=False)],
) -> None:
    """Let it begin now; never for one's own."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.emergencies.approve(id, who or workspace.directory.principal(as_), by)
    _show(made, f"is in force until {made.expires_at}")


@app.command(epilog=example("muniment emergency end emg_x"))
def end(id: Id, as_: AsOfficer = None) -> None:
    """End it now, or take a request back."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.emergencies.end(id, who, by)
    _show(made, "has ended")


@app.command("list", epilog=example("muniment emergency list"))
def list_() -> None:
    """Show what waits, what is in force and what has ended, newest first."""
    with TERMINAL.workspace() as workspace:
        workspace.emergencies.end_overdue()
        found = workspace.emergencies.listing()
    if TERMINAL.json:
        TERMINAL.document({"emergencies": [_plain(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            one.id,
            one.state,
            one.subject,
            one.role,
            one.expires_at or "",
            one.approved_by or "",
            visible(one.reason),
        )
        for one in found
    ]
    TERMINAL.show(table(("", "state", "for", "role", "until", "approved by", "reason"), rows))


def _show(made: Emergency, says: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(_plain(made))
    else:
        TERMINAL.show(f"{made.id}: {made.role} for {made.subject} {says}.")


def _plain(one: Emergency) -> dict[str, object]:
    from muniment.foundation.duration import spelled

    return {
        "id": one.id,
        "state": one.state,
        "for": one.subject,
        "role": one.role,
        "reason": one.reason,
        "lasts": spelled(one.lasts),
        "requested_by": one.requested_by,
        "requested_at": one.requested_at,
        "approved_by": one.approved_by,
        "expires_at": one.expires_at,
        "ended_at": one.ended_at,
        "ended_by": one.ended_by,
    }
