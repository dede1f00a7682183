"""eval ladder, and models compare on a suite: which approach, and which model, is enough for a team's own tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, suite_folder
from muniment.interfaces.cli.eval import app as evaluations
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.progress import progress
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import RenderableType

    from muniment.assurance.evaluation.reports.ways import ReportedWays
    from muniment.assurance.evaluation.run import Progress
    from muniment.assurance.evaluation.statistics.interval import Estimate
    from muniment.assurance.release.ladder.ladder import Ladder
    from muniment.assurance.release.ladder.models import Comparison
    from muniment.assurance.release.ladder.plan import Planned

Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on where an earlier one was cut short, and take over what it answered."
    ),
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Cases at one time; above 1 each may take longer.")]
ReportTo = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="FOLDER", help="Write a page, Markdown and JSON there.", show_default=False
    ),
]


def register(parent: typer.Typer) -> None:
    """Add nothing: the command belongs to `eval`."""


@evaluations.command(
    epilog=example("muniment eval ladder policy-questions --plan", "muniment eval ladder policy-questions")
)
def ladder(
    suite: Annotated[
        str,
        typer.Argument(metavar="SUITE", help="A folder, or the name of a shipped suite.", show_default=False),
    ],
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The language model; else the default.", show_default=False),
    ] = None,
    tuned: Annotated[
        str | None, typer.Option(metavar="NAME", help="An endpoint that was tuned.", show_default=False)
    ] = None,
    rungs: Annotated[
        str, typer.Option(metavar="A,B", help="Only these, such as quotes,retrieval.", show_default=False)
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask so many cases, spread over the suite.", show_default=False)
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be asked, where it would go and its cost.")
    ] = False,
    resume: Resume = False,
    workers: Workers = 1,
    report: ReportTo = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log; else as the suite says.")] = "",
    by: Evaluator = None,
) -> None:
    """Put a suite to ways of answering, from the simplest up, and say which is enough; exit 1 where none is.

    Each way is a run of its own: `muniment eval show RUN`. One that was cut short keeps what it has.
    """
    from muniment.app.laddered import laddered, putting
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.assurance.release.ladder import tell
    from muniment.assurance.release.ladder.ladder import climb, limited
    from muniment.assurance.release.ladder.plan import planned
    from muniment.assurance.release.ladder.reported import reported_ladder
    from muniment.assurance.release.ladder.rungs import chosen, rungs_of

    found = read_suite(suite_folder(suite))
    names = [name.strip() for name in rungs.split(",") if name.strip()]
    _prepare(report)
    with TERMINAL.workspace() as workspace, progress() as bar:
        commission = Commission(reason, *acting(workspace, by))
        # As whoever runs it, so that the log says of every call that an evaluation made it.
        ways = chosen(rungs_of(laddered(workspace), found, commission.by, model, tuned), names)
        if plan:
            _show_plan(planned(limited(found, limit), ways))
            return
        made = climb(found, ways, putting(workspace, commission, resume, workers), limit, _told(bar))
    if TERMINAL.json:
        TERMINAL.document(tell.as_json(made))
    else:
        TERMINAL.show(*_rungs(made), *_lacking(made), *(visible(line) for line in tell.said(made)))
    _report(reported_ladder(made), tell.as_json(made), report)
    if not made.recommendation.name:
        raise typer.Exit(1)


def compare_on_suite(
    suite: str,
    names: Sequence[str],
    limit: int | None,
    reason: str,
    by: str | None,
    *,
    resume: bool,
    workers: int,
    report: Path | None,
) -> None:
    """Compare endpoints on a suite; exit 1 where none can be recommended."""
    from muniment.app.laddered import laddered, putting
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.assurance.release.ladder import models
    from muniment.assurance.release.ladder.reported import reported_models

    found = read_suite(suite_folder(suite))
    _prepare(report)
    with TERMINAL.workspace() as workspace, progress() as bar:
        commission = Commission(reason, *acting(workspace, by))
        for name in names:
            workspace.catalog.get(name)
        put = putting(workspace, commission, resume, workers)
        made = models.compare(laddered(workspace), found, names, commission.by, put, limit, _told(bar))
    if TERMINAL.json:
        TERMINAL.document(models.as_json(made))
    else:
        TERMINAL.show(*_models(made), *(visible(line) for line in models.said(made)))
    _report(reported_models(made), models.as_json(made), report)
    if not made.recommended:
        raise typer.Exit(1)


def _prepare(report: Path | None) -> None:
    """Refuse a folder that cannot be written to before anything is asked."""
    from muniment.assurance.evaluation.reports.write import checked_folder

    TERMINAL.interrupted = "Every result so far is kept: the same command with --resume goes on."
    if report is not None:
        checked_folder(report)


def _report(found: ReportedWays, document: Mapping[str, object], folder: Path | None) -> None:
    if folder is None:
        return
    from muniment.assurance.evaluation.reports.write import write_ways

    for path in write_ways(found, document, folder):
        TERMINAL.say(f"Written: {visible(str(path))}")


def _told(bar: Callable[[str], Callable[[int, int], None]]) -> Callable[[str, Progress], None]:
    bars: dict[str, Callable[[int, int], None]] = {}

    def tell(title: str, progress: Progress) -> None:
        if title not in bars:
            bars[title] = bar(visible(title))
        bars[title](progress.done, progress.total)

    return tell


def _show_plan(found: Sequence[Planned]) -> None:
    from muniment.interfaces.cli.render import table

    if TERMINAL.json:
        TERMINAL.document({"plan": [one.as_json() for one in found]})
        return
    rows = [
        [
            one.title,
            f"{one.calls:,}",
            f"{one.prompt_tokens + one.completion_tokens:,}",
            f"{one.cost:,.4f}",
            visible(f"{one.place}\n{one.hosting}, up to {one.most_sensitive}"),
            visible(", ".join(one.needs)),
        ]
        for one in found
        if not one.missing
    ]
    head = ("rung", "calls", "tokens", "cost", "goes to", "needs")
    TERMINAL.show(
        table(head, rows),
        *(visible(f"{one.title}: not available: {one.missing}") for one in found if one.missing),
        "Nothing was asked. Tokens and cost are guessed from the lengths of texts.",
    )


def _rungs(made: Ladder) -> list[RenderableType]:
    from muniment.interfaces.cli.render import table

    asked = [(one.rung, one.figures) for one in made.rungs if one.figures is not None]
    figures = [
        [
            f"{one.rung.number} {one.rung.title}",
            "\n".join(_estimate(name, one.figures.metrics.get(name)) for name in made.targets),
            _word(made, one.rung.name),
            one.run.id,
        ]
        for one in made.rungs
        if one.figures is not None and one.run is not None
    ]
    prices = [
        [
            f"{rung.number} {rung.title}",
            f"{found.cost:,.5f}",
            f"{found.p50_ms:,.0f} / {found.p95_ms:,.0f}",
            f"{found.prompt_tokens:,.0f} + {found.completion_tokens:,.0f}",
            visible(str(rung.privacy)),
            visible(", ".join(rung.needs)),
        ]
        for rung, found in asked
    ]
    return [
        table(("rung", "mean, 95 % interval, cases", "", "run"), figures),
        table(("rung", "cost of a case", "ms p50 / p95", "tokens", "run, sent", "needs"), prices),
    ]


def _word(made: Ladder, name: str) -> str:
    if name == made.recommendation.name:
        return "enough"
    return "passes" if made.recommendation.verdict(name).passes else "misses"


def _lacking(made: Ladder) -> list[str]:
    from muniment.assurance.release.ladder import tell

    missing = [
        f"{one.rung.number} {one.rung.title}: not available: {one.rung.missing}"
        for one in made.rungs
        if one.run is None
    ]
    return [visible(line) for line in (*missing, *tell.notes(made))]


def _models(made: Comparison) -> list[RenderableType]:
    from muniment.assurance.release.ladder.models import deployment, notes
    from muniment.assurance.release.ladder.rung import privacy_of
    from muniment.inference.catalog import QUOTES
    from muniment.interfaces.cli.render import table

    asked = [(one.endpoint, one.figures) for one in made.models if one.figures is not None]
    figures = [
        [
            one.endpoint.name,
            "\n".join(_estimate(name, one.figures.metrics.get(name)) for name in made.targets),
            "recommended" if one.endpoint.name == made.recommended else "",
            one.run.id,
        ]
        for one in made.models
        if one.figures is not None and one.run is not None
    ]
    facts = [
        [
            endpoint.name,
            f"{found.cost:,.5f} / {found.cost * 1000:,.2f}",
            f"{found.p50_ms:,.0f} / {found.p95_ms:,.0f}",
            visible(f"{privacy_of(endpoint)} {endpoint.region}".rstrip()),
            "none" if endpoint.kind == QUOTES else endpoint.structured,
            visible(deployment(endpoint)),
        ]
        for endpoint, found in asked
    ]
    lacking = [
        visible(f"{one.endpoint.name}: not available: {one.missing}") for one in made.models if one.missing
    ]
    return [
        table(("model", "mean, 95 % interval, cases", "", "run"), figures),
        table(("model", "cost of one / 1,000", "ms p50 / p95", "run, sent", "form", "needs"), facts),
        *lacking,
        *map(visible, notes(made)),
    ]


def _estimate(name: str, found: Estimate | None) -> str:
    from muniment.assurance.evaluation.metric import METRICS

    if found is None or not found.n:
        return f"{name} not measured"
    if METRICS[name].unit == "share":
        return f"{name} {found.mean * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f}, {found.n})"
    return f"{name} {found.mean:,.4g} ({found.low:,.4g} to {found.high:,.4g}, {found.n})"
