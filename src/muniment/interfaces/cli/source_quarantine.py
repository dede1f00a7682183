"""sources quarantine: what ingestion held back, and letting it through or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.source_flags import plain_flags
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.knowledge.quarantine import Case

app = typer.Typer(no_args_is_help=True)
CaseId = Annotated[
    str, typer.Argument(metavar="ID", help="Of `muniment sources quarantine list`.", show_default=False)
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="quarantine", help="What was held back, and letting it through.")


@app.command("list", epilog=example("muniment sources quarantine list"))
def list_(
    rejected: Annotated[bool, typer.Option("--rejected", help="Those that were rejected.")] = False,
    as_: AsOfficer = None,
) -> None:
    """List what nobody may read until somebody decides, the longest held first."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.quarantine.listing(who, by, "rejected" if rejected else "held")
    if TERMINAL.json:
        cases = [{**_plain(one.case), "source": one.source, "flags": plain_flags(one.flags)} for one in found]
        TERMINAL.document({"cases": cases})
        return
    if not found:
        TERMINAL.show("Nothing is held back.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (one.case.id, visible(one.source), ", ".join(one.case.kinds), one.case.held_at[:16]) for one in found
    ]
    TERMINAL.show(table(("", "source", "for", "since"), rows))


@app.command(epilog=example("muniment sources quarantine show ID --as carol"))
def show(id: CaseId, as_: AsOfficer = None) -> None:
    """Show one: its flags, and what was flagged where its source lets you read it."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        found = workspace.quarantine.show(id, who, by)
    facts: dict[str, object] = {
        **_plain(found.case),
        "source": found.source,
        "title": found.title,
        "path": found.path,
        "flags": plain_flags(found.flags),
        "excerpts": [one.before + one.flagged + one.after for one in found.excerpts],
    }
    if TERMINAL.json:
        TERMINAL.document(facts)
        return
    from muniment.interfaces.cli.render import facts_table

    plain = {name: visible(str(value)) for name, value in facts.items() if name not in ("flags", "excerpts")}
    TERMINAL.show(facts_table(plain))
    for flag in found.flags:
        TERMINAL.show(f"{flag.kind} ({flag.severity}): {', '.join((*flag.found, *flag.others))}")
    for one in found.excerpts:
        TERMINAL.show(f"  {visible(one.before)}[{visible(one.flagged)}]{visible(one.after)}")
    if found.title is None:
        TERMINAL.show("Its source does not let you read it, so its words are not shown.")


@app.command(epilog=example("muniment sources quarantine release ID --reason 'A training text'"))
def release(id: CaseId, reason: Reason, as_: AsOfficer = None) -> None:
    """Let whom its lists name read it, from the next request on; this content is not held back again."""
    _decide(id, reason, as_, released=True)


@app.command(epilog=example("muniment sources quarantine reject ID --reason 'An attack'"))
def reject(id: CaseId, reason: Reason, as_: AsOfficer = None) -> None:
    """Leave it nobody's until its source holds other content."""
    _decide(id, reason, as_, released=False)


def _decide(name: str, reason: str, as_: str | None, released: bool) -> None:
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        case = workspace.quarantine.decide(name, "released" if released else "rejected", reason, who, by)
    if TERMINAL.json:
        TERMINAL.document(_plain(case))
        return
    said = "is let through from the next request on" if released else "stays nobody's"
    TERMINAL.show(f"{case.document}, version {case.version}, {said}.")


def _plain(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "document": case.document,
        "version": case.version,
        "content_hash": case.content_hash,
        "kinds": list(case.kinds),
        "state": case.state,
        "held_at": case.held_at,
        "reason": case.reason,
        "by": case.by,
        "at": case.at,
    }
