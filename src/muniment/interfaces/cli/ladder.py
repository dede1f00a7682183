"""eval ladder, and models compare on a suite: which approach, and which model, is enough for a team's own tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator, suite_folder
from muniment.interfaces.cli.eval import app as evaluations
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.progress import progress
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from muniment.app import Workspace
    from muniment.assurance.evaluation.case import Suite
    from muniment.assurance.release.ladder.ladder import Ladder
    from muniment.assurance.release.ladder.models import Comparison
    from muniment.assurance.release.ladder.plan import Planned
    from muniment.assurance.release.ladder.recommend import Estimate
    from muniment.governance.audit.entry import Actor


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
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log; else as the suite says.")] = "",
    by: Evaluator = None,
) -> None:
    """Put a suite to ways of answering, from the simplest up, and say which is enough; exit 1 where none is."""
    from muniment.app.laddered import laddered
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.assurance.release.ladder import tell
    from muniment.assurance.release.ladder.ladder import climb, limited
    from muniment.assurance.release.ladder.plan import planned
    from muniment.assurance.release.ladder.rungs import chosen, rungs_of

    found = read_suite(suite_folder(suite))
    names = [name.strip() for name in rungs.split(",") if name.strip()]
    with TERMINAL.workspace() as workspace, progress() as bar:
        actor, who = acting(workspace, by)
        # As whoever runs it, so that the log says of every call that an evaluation made it.
        ways = chosen(rungs_of(laddered(workspace), found, actor, model, tuned), names)
        if plan:
            _show_plan(planned(limited(found, limit), ways))
            return
        _begin(workspace, found, reason, actor, who)
        made = climb(found, ways, actor.ref, _now(workspace), limit, _told(bar))
    if TERMINAL.json:
        TERMINAL.document(tell.as_json(made))
    else:
        TERMINAL.show(*_rungs(made), *_lacking(made), *(visible(line) for line in tell.said(made)))
    if not made.recommendation.name:
        raise typer.Exit(1)


def compare_on_suite(
    suite: str, names: Sequence[str], limit: int | None, reason: str, by: str | None
) -> None:
    """Compare endpoints on a suite; exit 1 where none can be recommended."""
    from muniment.app.laddered import laddered
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.assurance.release.ladder import models

    found = read_suite(suite_folder(suite))
    with TERMINAL.workspace() as workspace, progress() as bar:
        actor, who = acting(workspace, by)
        for name in names:
            workspace.catalog.get(name)
        _begin(workspace, found, reason, actor, who)
        made = models.compare(laddered(workspace), found, names, actor, _now(workspace), limit, _told(bar))
    if TERMINAL.json:
        TERMINAL.document(models.as_json(made))
    else:
        TERMINAL.show(*_models(made), *(visible(line) for line in models.said(made)))
    if not made.recommended:
        raise typer.Exit(1)


def _begin(workspace: Workspace, suite: Suite, reason: str, actor: Actor, who: object) -> None:
    from typing import cast

    from muniment.assurance.evaluation.commission import Commission, begin
    from muniment.governance.identity.principal import Principal

    commission = Commission(reason, actor, cast("Principal | None", who))
    begin(commission, "evaluation", suite, workspace.database, workspace.gate, workspace.audit)


def _now(workspace: Workspace) -> Callable[[], str]:
    from muniment.foundation.clock import timestamp

    return lambda: timestamp(workspace.clock.now())


def _told(bar: Callable[[str], Callable[[int, int], None]]) -> Callable[[str, int, int], None]:
    bars: dict[str, Callable[[int, int], None]] = {}

    def tell(title: str, done: int, total: int) -> None:
        if title not in bars:
            bars[title] = bar(visible(title))
        bars[title](done, total)

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
            f"{rung.number} {rung.title}",
            "\n".join(_estimate(name, found.metrics.get(name)) for name in made.targets),
            _word(made, rung.name),
        ]
        for rung, found in asked
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
        table(("rung", "mean, 95 % interval, cases", ""), figures),
        table(("rung", "cost of a case", "ms p50 / p95", "tokens", "run, sent", "needs"), prices),
    ]


def _word(made: Ladder, name: str) -> str:
    if name == made.recommendation.name:
        return "enough"
    return "passes" if made.recommendation.verdict(name).passes else "misses"


def _lacking(made: Ladder) -> list[str]:
    lines = [
        visible(f"{one.rung.number} {one.rung.title}: not available: {one.rung.missing}")
        for one in made.rungs
        if one.run is None
    ]
    lines += [
        visible(
            f"{one.rung.number} {one.rung.title}: {one.figures.failed} of {one.figures.cases} cases failed, "
            f"the first with: {one.figures.failure}"
        )
        for one in made.rungs
        if one.figures is not None and one.figures.failed
    ]
    lines += [
        f"{one.rung.number} {one.rung.title}: in {one.figures.proposed} of {one.figures.cases} cases something "
        "was proposed; nothing was done, and nobody was asked."
        for one in made.rungs
        if one.figures is not None and one.figures.proposed
    ]
    return lines


def _models(made: Comparison) -> list[RenderableType]:
    from muniment.assurance.release.ladder.models import deployment
    from muniment.assurance.release.ladder.rung import privacy_of
    from muniment.inference.catalog import QUOTES
    from muniment.interfaces.cli.render import table

    asked = [(one.endpoint, one.figures) for one in made.models if one.figures is not None]
    figures = [
        [
            endpoint.name,
            "\n".join(_estimate(name, found.metrics.get(name)) for name in made.targets),
            "recommended" if endpoint.name == made.recommended else "",
        ]
        for endpoint, found in asked
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
    failed = [
        visible(
            f"{one.endpoint.name}: {one.figures.failed} cases failed, the first with: {one.figures.failure}"
        )
        for one in made.models
        if one.figures is not None and one.figures.failed
    ]
    return [
        table(("model", "mean, 95 % interval, cases", ""), figures),
        table(("model", "cost of one / 1,000", "ms p50 / p95", "run, sent", "form", "needs"), facts),
        *lacking,
        *failed,
    ]


def _estimate(name: str, found: Estimate | None) -> str:
    from muniment.assurance.evaluation.metric import METRICS

    if found is None or not found.cases:
        return f"{name} not measured"
    if METRICS[name].unit == "share":
        return f"{name} {found.value * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f}, {found.cases})"
    return f"{name} {found.value:,.4g} ({found.low:,.4g} to {found.high:,.4g}, {found.cases})"
