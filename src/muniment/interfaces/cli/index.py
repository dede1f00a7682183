"""index: whether what search reads is whole, mending it from the database, and the model it is made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli import reembed
from muniment.interfaces.cli.background import step_back
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.progress import progress
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.knowledge.ingestion.condition import Condition
    from muniment.knowledge.ingestion.reindex import Remade

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="index", help="The index that search reads: check it, mend it, make it anew.")
    reembed.register(app)


@app.command(epilog=example("muniment index check"))
def check() -> None:
    """Read every byte of every index segment; exit 1 where one is damaged."""
    with TERMINAL.workspace() as workspace, progress() as stage:
        step_back(workspace)
        found = workspace.upkeep.check(stage("Checking segments"))
    damaged = [one for one in found if one.problem]
    if TERMINAL.json:
        TERMINAL.document({"ok": not damaged, "segments": [_plain(one) for one in found]})
    else:
        for one in damaged:
            TERMINAL.show(f"fail  {one.name}: {visible(one.problem)}")
        rows = sum(one.rows for one in found)
        TERMINAL.show(f"{len(found)} segments with {rows} rows: {_verdict(len(damaged))}")
    if damaged:
        raise typer.Exit(1)


@app.command(epilog=example("muniment index repair --dry-run", "muniment index repair"))
def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
) -> None:
    """Put damaged segments in quarantine and make them, and those out of date, again from the database."""
    from muniment.governance.identity.principal import OPERATOR

    TERMINAL.interrupted = "muniment: Stopped. Searches go on as before; run the same command again."
    with TERMINAL.workspace() as workspace, progress() as stage:
        step_back(workspace)
        done = workspace.upkeep.repair(
            OPERATOR, dry_run, stage("Checking segments"), stage("Making documents' rows again")
        )
        kept = workspace.segments.quarantined
    if TERMINAL.json:
        TERMINAL.document({"dry_run": dry_run, "quarantine": str(kept), **_plain_remade(done)})
        return
    would = "would be " if dry_run else ""
    for one in done.damaged:
        TERMINAL.show(f"{one.name}: {visible(one.problem)} It {would or 'was '}put into {kept}.")
    if done.documents or done.damaged or done.stale:
        TERMINAL.show(
            f"{done.segments} segments: {len(done.damaged)} damaged, {len(done.stale)} out of date; "
            f"{done.documents} documents {would or 'were '}indexed again."
        )
    else:
        TERMINAL.show(f"{done.segments} segments: {_verdict(0)}")


def _verdict(damaged: int) -> str:
    return (
        f"{damaged} damaged. Run `muniment index repair`." if damaged else "every byte is as it was written."
    )


def _plain(found: Condition) -> dict[str, object]:
    return {
        "segment": found.name,
        "rows": found.rows,
        "state": "damaged" if found.problem else "sound",
        "problem": found.problem,
    }


def _plain_remade(done: Remade) -> dict[str, object]:
    return {
        "segments": done.segments,
        "damaged": [{"segment": one.name, "problem": one.problem} for one in done.damaged],
        "stale": list(done.stale),
        "documents": done.documents,
    }
