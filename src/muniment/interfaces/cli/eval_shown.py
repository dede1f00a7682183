"""Runs of suites and what the gate says of them, as a person or a program reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.evaluation.results import Run
    from muniment.assurance.evaluation.verdict import Verdict


def show_run(made: Run, baseline: Run | None = None) -> None:
    """Show a run, beside a baseline where one is given."""
    from muniment.assurance.evaluation.reports.document import document
    from muniment.assurance.evaluation.reports.from_summary import report
    from muniment.assurance.evaluation.reports.terminal import lines

    told = report(made, baseline)
    if TERMINAL.json:
        TERMINAL.document(document(told))
    else:
        TERMINAL.show(*lines(told), f"Run {made.id}. Next: muniment eval report {made.id} --to FOLDER")


def show_verdict(verdict: Verdict, made: Run) -> None:
    """Show what the gate decides."""
    from dataclasses import asdict

    if TERMINAL.json:
        TERMINAL.document({"run": made.id, **asdict(verdict)})
        return
    word = "passed" if verdict.ok else f"BLOCKED by {len(verdict.blocks)}"
    TERMINAL.show(
        f"Run {made.id} of {visible(made.suite)}: {word}",
        *(f"  {visible(str(one))}" for one in verdict.blocks),
        *(f"  note: {visible(one)}" for one in verdict.notes),
    )
