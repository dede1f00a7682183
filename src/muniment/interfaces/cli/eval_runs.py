"""eval show, runs, compare, gate, report: what came of runs of suites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, app
from muniment.interfaces.cli.eval_shown import show_run, show_verdict
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.evaluation.results import Run

Which = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id or its first characters, or a suite: its newest.", show_default=False
    ),
]
Baseline = Annotated[
    str | None, typer.Option("--baseline", metavar="RUN", help="Compared with.", show_default=False)
]


def register(parent: typer.Typer) -> None:
    """The commands stand in the group of `eval`."""


@app.command(epilog=example("muniment eval show sample", "muniment eval show eval_01hx2m --baseline sample"))
def show(run: Which, baseline: Baseline = None, by: Evaluator = None) -> None:
    """Show a run: each figure with its interval, what it missed, and the cases that fell short."""
    made, before = _read(by, run, baseline)
    show_run(made, before)


@app.command(epilog=example("muniment eval runs"))
def runs(
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="At most so many.")] = 20,
    by: Evaluator = None,
) -> None:
    """List the newest runs."""
    from muniment.app.evaluating import run_reading

    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, by)
        found = run_reading(workspace).listing(who, actor, count).runs
    if TERMINAL.json:
        rows = [
            {"id": one.run.id, "suite": one.run.suite, "version": one.run.suite_version, "subject": one.run.subject,
             "started": one.run.started, "finished": one.run.finished, "cases": one.run.cases, "results": one.held}
            for one in found
        ]  # fmt: skip
        TERMINAL.document({"runs": rows})
        return
    from muniment.interfaces.cli.render import table

    if not found:
        TERMINAL.show("No suite was run yet.", "Next: muniment eval run sample")
        return
    lines = [
        [
            one.run.id,
            visible(one.run.suite),
            visible(one.run.subject),
            one.run.started[:16].replace("T", " "),
            f"{one.held} of {one.run.cases}",
            "" if one.run.finished else "cut short",
        ]
        for one in found
    ]
    TERMINAL.show(table(("run", "suite", "of", "begun", "results", ""), lines))


@app.command(epilog=example("muniment eval compare eval_01hx2m sample"))
def compare(
    baseline: Annotated[str, typer.Argument(metavar="BASELINE", help="A run.", show_default=False)],
    run: Which,
    by: Evaluator = None,
) -> None:
    """Say what differs between two runs, and where nothing can be told apart."""
    from dataclasses import asdict

    from muniment.assurance.evaluation.changed import changed
    from muniment.assurance.evaluation.comparison import compared
    from muniment.assurance.evaluation.reports.from_summary import report
    from muniment.assurance.evaluation.reports.terminal import comparison_lines

    made, before = _read(by, run, baseline)
    assert before is not None
    found = compared(before, made)
    parts = changed(before, made)
    if TERMINAL.json:
        TERMINAL.document({"baseline": before.id, "run": made.id, "changed": parts, **asdict(found)})
        return
    TERMINAL.show(
        f"Changed: {', '.join(map(visible, parts)) or 'nothing that is recorded'}",
        *comparison_lines(report(made, before)),
        f"{found.common} cases in common; {found.only_baseline} only in the baseline, "
        f"{found.only_candidate} only here.",
        *(
            f"  worse: {visible(one.case)} {one.metric} {one.before:.3g} -> {one.after:.3g}"
            for one in found.worse
        ),
        *(
            f"  better: {visible(one.case)} {one.metric} {one.before:.3g} -> {one.after:.3g}"
            for one in found.better
        ),
    )


@app.command(epilog=example("muniment eval gate sample --baseline eval_01hx2m --floor all_facts=.65"))
def gate(
    run: Which,
    baseline: Baseline = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(
            "--floor", metavar="METRIC=VALUE", help="The least (of times the most) that it must reach."
        ),
    ] = None,
    by: Evaluator = None,
) -> None:
    """Say whether a run may go out: nothing worse than the baseline, no breach, no target missed; else exit 1."""
    from muniment.assurance.evaluation.changed import changed
    from muniment.assurance.evaluation.verdict import judged

    made, before = _read(by, run, baseline)
    verdict = judged(made, before, _floors(floor or []), changed(before, made) if before else ())
    show_verdict(verdict, made)
    if not verdict.ok:
        raise typer.Exit(1)


@app.command(epilog=example("muniment eval report sample --to out --baseline eval_01hx2m"))
def report(
    run: Which,
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where the files go.", show_default=False)
    ],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="FORMAT", help="html, markdown, json or junit; all where none is named."
        ),
    ] = None,
    baseline: Baseline = None,
    server: Annotated[
        str, typer.Option(metavar="URL", help="Where answers are shown, for links to their lineage.")
    ] = "",
    by: Evaluator = None,
) -> None:
    """Write the report of a run as a page, Markdown, JSON and JUnit, for you alone: questions are in it."""
    from muniment.assurance.evaluation.reports.from_summary import report as made_report
    from muniment.assurance.evaluation.reports.write import FORMATS, write_reports

    made, before = _read(by, run, baseline)
    files = write_reports(made_report(made, before), to, formats or tuple(FORMATS), server)
    if TERMINAL.json:
        TERMINAL.document({"run": made.id, "files": [str(path) for path in files]})
    else:
        TERMINAL.show(*(str(path) for path in files))


def _read(by: str | None, run: str, baseline: str | None) -> tuple[Run, Run | None]:
    from muniment.app.evaluating import run_reading

    with TERMINAL.workspace() as workspace:
        actor, who = acting(workspace, by)
        reading = run_reading(workspace)
        made = reading.read(who, actor, run).run
        return made, None if baseline is None else reading.read(who, actor, baseline).run


def _floors(stated: list[str]) -> dict[str, float]:
    from muniment.foundation.errors import BadInput

    floors: dict[str, float] = {}
    for one in stated:
        name, equals, value = one.partition("=")
        try:
            floors[name] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise BadInput(f"'{one}' is not METRIC=VALUE.", fix="Such as --floor all_facts=.65.")
    return floors
