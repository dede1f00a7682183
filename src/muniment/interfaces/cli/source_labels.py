"""sources relabel: the rules of sensitivity, applied to what is stored."""

from __future__ import annotations

from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

_JUDGING = "Judging documents"


def register(parent: typer.Typer) -> None:
    """Add the command to its group."""
    parent.command(
        epilog=example("muniment sources relabel --dry-run", "muniment sources relabel"),
    )(relabel)


def relabel(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would move.")] = False,
) -> None:
    """Judge every document by the rules of sensitivity as they are now; labels may also be lowered by this."""
    from muniment.governance.identity.principal import OPERATOR
    from muniment.interfaces.cli.background import step_back
    from muniment.interfaces.cli.progress import progress

    TERMINAL.interrupted = (
        "muniment: Stopped. What is judged so far holds; run the same command again to go on."
    )
    with TERMINAL.workspace() as workspace, progress() as stage:
        step_back(workspace)
        done = workspace.relabelling.run(OPERATOR, dry_run, stage(_JUDGING))
    if TERMINAL.json:
        TERMINAL.document({"dry_run": dry_run, **done.as_json()})
        return
    would = "would be " if dry_run else ""
    TERMINAL.show(
        f"{done.documents} documents judged: {done.raised} {would}raised, {done.lowered} {would}lowered."
    )
    for label, count in done.labels.items():
        TERMINAL.show(f"  {visible(label)}: {count}")
