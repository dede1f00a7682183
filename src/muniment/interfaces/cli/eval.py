"""eval: ask a suite of questions whose right answers are known, and grade what comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.suite_places import places
from muniment.interfaces.cli.terminal import TERMINAL, visible

app = typer.Typer(no_args_is_help=True)

Evaluator = Annotated[
    str | None,
    typer.Option("--by", metavar="USER", help="Who runs it, if policy lets them; else the operator."),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="eval", help="Suites of questions with known answers.")


@app.callback()
def group() -> None:
    """Suites of questions with known answers."""


@app.command(epilog=example("muniment eval run sample --reason 'Before release 2'"))
def run(
    suite: Annotated[
        str,
        typer.Argument(metavar="SUITE", help="A folder, or the name of a shipped suite.", show_default=False),
    ],
    reason: Annotated[
        str, typer.Option(help="Why it is run, for whoever reads the log; else as the suite says.")
    ] = "",
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The endpoint that answers.", show_default=False)
    ] = None,
    by: Evaluator = None,
) -> None:
    """Run a suite on this workspace, asking as its askers; exit 1 where a bar is missed."""
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.run import run_suite

    folder = suite_folder(suite)
    with TERMINAL.workspace() as workspace, counting("Asking") as on_progress:
        commission = Commission(reason, *acting(workspace, by))
        report = run_suite(workspace, folder, commission, workspace.gate, on_progress, model)
    if TERMINAL.json:
        TERMINAL.document(report.as_json())
    else:
        TERMINAL.show(*(visible(line) for line in report.lines()))
    if not report.ok:
        raise typer.Exit(1)


@contextmanager
def counting(what: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on a terminal, silence elsewhere."""
    if not TERMINAL.err.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import Progress

    with Progress(console=TERMINAL.err) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def suite_folder(name: str) -> Path:
    """Return the suite's folder or file as given, else the home's or the shipped one of that name."""
    return places().find(name).path
