"""ingest: make the library equal to a folder."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.background import step_back
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.knowledge.ingestion.labelling import Labelled
    from muniment.knowledge.ingestion.report import IngestReport, OnProgress

STAGES = {"scan": "Reading folder", "index": "Indexing", "label": "Labelling names"}
_COUNTED = {"label": "pieces"}
SHOWN_FAILURES = 50


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("muniment ingest ./documents --source handbook"))(ingest)


def ingest(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    source: Annotated[str, typer.Option(metavar="NAME", help="What this folder is called from now on.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
) -> None:
    """Make the library equal to a folder; again is an incremental sync, and removed files disappear."""
    TERMINAL.interrupted = (
        "muniment: Stopped. What was indexed is kept; run the same command again to go on from there."
    )
    with TERMINAL.workspace() as workspace, progress_bar(TERMINAL.err) as on_progress:
        step_back(workspace)
        report = workspace.ingest(folder, source, on_progress, dry_run)
    if TERMINAL.json:
        TERMINAL.document(report.as_json())
    else:
        _show(report)
    unlabelled = report.labels is not None and report.labels.left > 0
    if unlabelled or (report.failed and not report.formats and not (report.unchanged or report.renamed)):
        raise typer.Exit(1)


@contextmanager
def progress_bar(console: Console) -> Generator[OnProgress]:
    """A progress bar on a terminal; elsewhere one line per stage."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from muniment.knowledge.ingestion.report import Progress as Moment

    if not console.is_terminal:
        said: set[str] = set()

        def tell(moment: Moment) -> None:
            if moment.stage not in said and (moment.total or moment.stage != "label"):
                said.add(moment.stage)
                console.print(
                    f"{STAGES[moment.stage]} ({moment.total} {_COUNTED.get(moment.stage, 'files')}) ..."
                )

        yield tell
        return
    bar = Progress(
        TextColumn("{task.description:<15}", markup=False),
        BarColumn(complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[path]}", markup=False, style="dim"),
        console=console,
    )
    tasks = {
        stage: bar.add_task(words, total=None, path="", visible=False) for stage, words in STAGES.items()
    }

    def advance(moment: Moment) -> None:
        shown = visible(Path(moment.path).name)[:32] if moment.done < moment.total else ""
        bar.update(
            tasks[moment.stage],
            completed=moment.done,
            total=moment.total,
            path=shown,
            visible=moment.total > 0,
        )

    with bar:
        yield advance


def formats_line(report: IngestReport) -> str:
    """Return the indexed files by format, most first."""
    ordered = sorted(report.formats.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {name.lstrip('.')}" for name, count in ordered)


def pieces(count: int) -> str:
    """Return a number of chunks in words."""
    return "1 piece" if count == 1 else f"{count} pieces"


def _show(report: IngestReport) -> None:
    would = "would be " if report.dry_run else ""
    counts = (
        ("added", report.added),
        ("changed", report.changed),
        ("renamed", report.renamed),
        ("removed", report.removed),
        ("unchanged", report.unchanged),
    )
    TERMINAL.show(f"{report.source}: {would}" + ", ".join(f"{count} {name}" for name, count in counts) + ".")
    if report.formats:
        TERMINAL.show(f"  formats  {formats_line(report)}")
    if report.access_changed:
        TERMINAL.show(f"  access   changed for {report.access_changed} documents, felt by the next request")
    if not report.dry_run:
        TERMINAL.show(f"  pieces   {report.chunks} in {report.seconds:.1f} s")
        if not report.vectors:
            TERMINAL.show(f"  vectors  {visible(report.vectors_note)}")
    if report.labels is not None:
        _show_labels(report.labels)
    if report.failed:
        TERMINAL.show(f"{len(report.failed)} not taken in as they stand (the rest is):")
        for problem in report.failed[:SHOWN_FAILURES]:
            TERMINAL.show(f"  {visible(problem.path)[-120:]}: {visible(problem.reason)}")
        if len(report.failed) > SHOWN_FAILURES:
            TERMINAL.show(f"  and {len(report.failed) - SHOWN_FAILURES} more; --json lists all")
    _show_kept_back(report)


def _show_kept_back(report: IngestReport) -> None:
    if report.quarantined:
        TERMINAL.show(f"{report.quarantined} wait for somebody to look: muniment sources quarantine list")
    if report.withheld:
        TERMINAL.show(f"{report.withheld} known documents are withheld until they can be read again.")


def _show_labels(labels: Labelled) -> None:
    TERMINAL.show(f"  names    labelled in {pieces(labels.labelled)}")
    if labels.left:
        TERMINAL.show(f"{pieces(labels.left)} without labels of names: {visible(labels.note)}")
