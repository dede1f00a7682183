"""incident: what looks wrong, what is frozen for it, and the evidence of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import incident_evidence
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.incidents.incident import Incident

app = typer.Typer(no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]
What = Annotated[
    str,
    typer.Argument(metavar="KIND:NAME", help="user, service, source, tool or endpoint.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    incident_evidence.register(app)
    parent.add_typer(app, name="incident", help="What looks wrong, what is frozen for it, and its evidence.")


@app.command("open", epilog=example("muniment incident open user:alice --says 'A laptop was stolen'"))
def open_(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="What it is about: user:alice.", show_default=False)
    ],
    says: Annotated[str, typer.Option(metavar="TEXT", help="What happened.", show_default=False)],
    severity: Annotated[str, typer.Option(help="low, medium, high or critical.")] = "high",
    freeze: Annotated[bool, typer.Option("--freeze", help="Freeze what it is about, at once.")] = False,
    entry: Annotated[
        list[int] | None,
        typer.Option(metavar="SEQ", help="An entry of the log that it rests on; may be repeated."),
    ] = None,
    as_: AsOfficer = None,
) -> None:
    """Open an incident by hand."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.incidents.open(subject, severity, says, who, by, entry or ())
        if freeze:
            kind, _, name = subject.partition(":")
            made = workspace.incidents.freeze(made.id, kind, name, says, who, by)
    _show(made)


@app.command("list", epilog=example("muniment incident list --open"))
def list_(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    as_: AsOfficer = None,
) -> None:
    """Show incidents, newest first."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.incidents.listing(who, by, "open" if only_open else "")
    if TERMINAL.json:
        TERMINAL.document({"incidents": [one.as_json() for one in found]})
        return
    if not found:
        TERMINAL.show("There is no incident.")
        return
    for one in found:
        often = f", found {one.count} times" if one.count > 1 else ""
        TERMINAL.show(
            f"{one.id}  {one.state}, {one.severity}, {visible(one.subject)} ({one.rule or 'by hand'})",
            f"  last {one.last_at[:16].replace('T', ' ')}Z{often}",
        )


@app.command(epilog=example("muniment incident show ID"))
def show(id: Id, as_: AsOfficer = None) -> None:
    """Show one incident: what was found, when, on which entries it rests, and what is frozen for it."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.incidents.show(id, who, by)
    _show(found)


@app.command(epilog=example("muniment incident freeze ID user:alice --reason 'while we look'"))
def freeze(id: Id, what: What, reason: Reason, as_: AsOfficer = None) -> None:
    """Freeze an account, source, tool or model endpoint from the next request on, until a person ends it."""
    kind, _, name = what.partition(":")
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.incidents.freeze(id, kind, name, reason, who, by)
    _show(made)


@app.command(epilog=example("muniment incident thaw user:alice --reason 'it was she'"))
def thaw(what: What, reason: Reason, as_: AsOfficer = None) -> None:
    """End a freeze; what applied before applies again."""
    kind, _, name = what.partition(":")
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        ended = workspace.incidents.thaw(kind, name, reason, who, by)
    if TERMINAL.json:
        TERMINAL.document(ended.as_json())
    else:
        TERMINAL.show(f"{visible(what)} is no longer frozen.")


@app.command(epilog=example("muniment incident frozen"))
def frozen(as_: AsOfficer = None) -> None:
    """Show all that is frozen now."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.incidents.frozen(who, by)
    if TERMINAL.json:
        TERMINAL.document({"frozen": [one.as_json() for one in found]})
        return
    for one in found:
        TERMINAL.show(
            f"{one.kind}:{visible(one.name)} since {one.at[:19]}Z by {visible(one.by)}, for {one.incident}"
        )
    if not found:
        TERMINAL.show("Nothing is frozen.")


@app.command(epilog=example("muniment incident close ID --outcome 'It was an audit'"))
def close(
    id: Id,
    outcome: Annotated[str, typer.Option(metavar="TEXT", help="What came of it.", show_default=False)],
    as_: AsOfficer = None,
) -> None:
    """Close an incident; what is frozen stays so."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.incidents.close(id, outcome, who, by)
    _show(made)


@app.command(epilog=example("muniment incident detect", "muniment incident detect --dry-run --since 0"))
def detect(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what the rules find; open nothing.")
    ] = False,
    since: Annotated[int, typer.Option(min=0, metavar="ENTRY", help="With --dry-run: from where on.")] = 0,
) -> None:
    """Look through what is new in the log by the rules of detection; a server does so by itself."""
    with TERMINAL.workspace() as workspace:
        if dry_run:
            found = [
                {"rule": one.rule, "subject": one.subject, "severity": one.severity, "says": one.says}
                for one in workspace.detection.dry(since)
            ]
        else:
            found = [one.as_json() for one in workspace.detection.look()]
    if TERMINAL.json:
        TERMINAL.document({"found": found})
        return
    for one in found:
        TERMINAL.show(f"{one['severity']}: {visible(str(one['says']))} ({one['rule']})")
    TERMINAL.show(f"{len(found)} found." if found else "Nothing was found.")


def _show(one: Incident) -> None:
    if TERMINAL.json:
        TERMINAL.document(one.as_json())
        return
    found = f", found {one.count} times, last {one.last_at[:19]}Z" if one.count > 1 else ""
    TERMINAL.show(
        f"{one.id}: {one.state}, {one.severity}, about {visible(one.subject)} ({one.rule or 'by hand'})",
        f"  {visible(one.says)}",
        f"  opened {one.opened_at[:19]}Z by {visible(one.opened_by)}{found}",
    )
    if one.entries:
        shown = ", ".join(map(str, one.entries[:12])) + (" ..." if len(one.entries) > 12 else "")
        TERMINAL.show(f"  entries of the log: {shown}")
    for held in one.frozen:
        TERMINAL.show(
            f"  frozen: {held.kind}:{visible(held.name)} since {held.at[:19]}Z by {visible(held.by)}"
        )
    if one.state == "closed":
        TERMINAL.show(f"  closed {one.closed_at[:19]}Z by {visible(one.closed_by)}: {visible(one.outcome)}")
