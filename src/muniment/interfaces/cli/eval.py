"""eval: put a suite of questions whose right answers are known, and grade, show and compare what comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.suite_places import places
from muniment.interfaces.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from muniment.assurance.evaluation.results import Run
    from muniment.assurance.evaluation.run import OnProgress, Progress

app = typer.Typer(no_args_is_help=True)

Evaluator = Annotated[
    str | None,
    typer.Option("--by", metavar="USER", help="Who runs it, if policy lets them; else the operator."),
]
Which = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id or its first characters, or a suite: its newest.", show_default=False
    ),
]
Named = Annotated[
    str, typer.Argument(metavar="SUITE", help="A folder, or the name of a suite.", show_default=False)
]
WhyRun = Annotated[
    str, typer.Option("--reason", help="Why it is run, for whoever reads the log; else as the suite says.")
]
Answers = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="The endpoint that answers.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="eval", help="Suites of questions with known answers.")


@app.callback()
def group() -> None:
    """Suites of questions with known answers."""


@app.command(epilog=example("muniment eval run sample --reason 'Before release 2'"))
def run(
    suite: Named,
    reason: WhyRun = "",
    model: Answers = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Cases at one time.")] = 4,
    fresh: Annotated[bool, typer.Option("--fresh", help="Take no result over from an earlier run.")] = False,
    by: Evaluator = None,
) -> None:
    """Run a suite on this workspace, asking as its askers; exit 1 where a target is missed.

    A run that was cut short goes on where it was. Results of cases that were put before are taken over while nothing
    that answers has changed.
    """
    from muniment.app.evaluating import judged_subject, runner
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.interfaces.cli.eval_shown import show_run

    place = suite_folder(suite)
    read = read_suite(place)
    TERMINAL.interrupted = f"Every result so far is kept: `muniment eval run {suite}` goes on."
    with TERMINAL.workspace() as workspace, counting_cases("Asking") as on_progress:
        commission = Commission(reason, *acting(workspace, by))
        with judged_subject(workspace, read, place, commission.by, model) as what:
            made = runner(workspace).run(
                read, what, commission, workers=workers, fresh=fresh, on_progress=on_progress
            )
    show_run(made)
    if not passed(made):
        raise typer.Exit(1)


def passed(made: Run) -> bool:
    """Return whether a run broke nothing, missed no target and, where it is of security, was wholly right."""
    from muniment.assurance.evaluation.verdict import judged

    return judged(made, None, {}, ()).ok


@contextmanager
def counting(what: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on a terminal, silence elsewhere."""
    if not TERMINAL.err.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import Progress as Bar

    with Bar(console=TERMINAL.err) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def counting_cases(what: str) -> Generator[OnProgress]:
    """A progress bar of a run on a terminal, with what is left and what it costs; silence elsewhere."""
    if not TERMINAL.err.is_terminal:
        yield lambda progress: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=TERMINAL.err) as bar:
        task = bar.add_task(what, total=None, left="")
        yield lambda one: bar.update(task, completed=one.done, total=one.total, left=_left(one))


def _left(progress: Progress) -> str:
    parts = [f"{progress.cached} taken over"] if progress.cached else []
    if progress.seconds_left is not None and progress.done < progress.total:
        parts.append(f"{progress.seconds_left:.0f} s left")
    if progress.cost:
        spent = progress.cost / max(1, progress.done - progress.cached)
        parts.append(
            f"cost {progress.cost:.4g} of about {progress.cost + spent * (progress.total - progress.done):.4g}"
        )
    return ", ".join(parts)


def suite_folder(name: str) -> Path:
    """Return the suite's folder or file as given, else the home's or the shipped one of that name."""
    return places().find(name).path
