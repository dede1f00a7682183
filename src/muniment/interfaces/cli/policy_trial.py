"""policy test: what a draft does to cases, and to decisions that were really taken."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from muniment.interfaces.cli import policy
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import Cases, File
from muniment.interfaces.cli.terminal import TERMINAL, visible

SHOWN = 50


def register(_parent: typer.Typer) -> None:
    """Add the command to its group."""
    policy.app.command(name="test", epilog=example("muniment policy test draft.cedar --days 7"))(trial)


def trial(
    file: File,
    cases: Cases = None,
    days: Annotated[int, typer.Option(min=0, max=400, help="Take decisions of so many days again.")] = 7,
) -> None:
    """Try a draft on cases and on the decisions of the last days; exit 1 where it fails a case."""
    from muniment.governance.policy.rules import Rules

    text = Path(file).read_text("utf-8")
    tried = None if cases is None else cases.read_text("utf-8")
    with TERMINAL.workspace() as workspace:
        found = workspace.policies.trial(text, tried)
        again = None if found.problems else workspace.replay.changes(Rules(text), timedelta(days=days))
    if TERMINAL.json:
        TERMINAL.document(
            {
                "version": found.version,
                "passed": found.passed,
                "problems": list(found.problems),
                "lifted": list(found.lifted),
                "cases": found.cases,
                "failures": [str(one) for one in found.failures],
                "replayed": again.decisions if again else 0,
                "gone": again.gone if again else 0,
                "changes": [one.as_json() for one in again.changes] if again else [],
            }
        )
    else:
        if found.lifted:
            TERMINAL.show(f"It lacks or changes rules that keep duties apart: {', '.join(found.lifted)}.")
        for line in (*found.problems, *map(str, found.failures)):
            TERMINAL.show(visible(line))
        TERMINAL.show(f"{found.cases - len(found.failures)} of {found.cases} cases pass.")
        if again is not None:
            _show(again.changes, again.decisions, again.gone, days)
    if not found.passed:
        raise typer.Exit(1)


def _show(changes: tuple[object, ...], decisions: int, gone: int, days: int) -> None:
    from muniment.governance.policy.replay import Change
    from muniment.interfaces.cli.render import table

    of = f"of the last {days} days" if days != 1 else "of the last day"
    TERMINAL.show(f"{len(changes)} of {decisions} decisions {of} would change.")
    rows = [
        (str(one.seq), one.at, one.principal, one.action, one.resource, f"{one.before} -> {one.after}")
        for one in changes[:SHOWN]
        if isinstance(one, Change)
    ]
    if rows:
        TERMINAL.show(
            table(
                ("entry", "at", "who", "action", "resource", "change"),
                [tuple(map(visible, row)) for row in rows],
            )
        )
    if len(changes) > SHOWN:
        TERMINAL.show(f"… and {len(changes) - SHOWN} more: see --json.")
    if gone:
        TERMINAL.show(f"{gone} were about accounts or things that there are no more, and were left out.")
