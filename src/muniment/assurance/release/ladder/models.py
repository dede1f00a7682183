"""Model endpoints beside each other, on a suite's own questions, each by retrieval with evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release.ladder.answering import Answering
from muniment.assurance.release.ladder.apart import apart
from muniment.assurance.release.ladder.asking import Workspace
from muniment.assurance.release.ladder.figures import Figures, figures_of
from muniment.assurance.release.ladder.ladder import OnRung, Put, limited
from muniment.assurance.release.ladder.recommend import Offer, Verdict, cheapest, judged
from muniment.assurance.release.ladder.rung import needs_of, privacy_of
from muniment.assurance.release.ladder.rungs import named_model
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.language_models import CATALOGUE
from muniment.knowledge import library

UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class Compared:
    """One endpoint, and what it came to."""

    endpoint: Endpoint
    missing: str
    """What it lacks; empty where it was asked."""
    too_sensitive: tuple[str, ...]
    """Labels of the suite's documents that it may not be sent."""
    run: Run | None
    """None where it was not asked."""
    figures: Figures | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Endpoints beside each other."""

    suite: str
    cases: int
    of: int
    targets: Mapping[str, float]
    models: tuple[Compared, ...]
    recommended: str
    """Empty where none could be."""
    best: tuple[str, ...]
    """The group that cannot be told apart from the best."""
    alike: tuple[tuple[str, str], ...]


def compare(
    workspace: Workspace,
    suite: Suite,
    names: Sequence[str],
    by: Actor,
    put: Put,
    limit: int | None = None,
    on_progress: OnRung = lambda title, progress: None,
) -> Comparison:
    """Put a suite, or `limit` of its cases, to each endpoint, or to all; raises BadInput for an unknown one."""
    if not suite.targets:
        raise BadInput(f"The suite {suite.name} names no targets.", fix="Write [targets] in suite.toml.")
    chosen = dict.fromkeys(names) or [one.name for one in workspace.catalog.endpoints()]
    known = [named_model(workspace, name) for name in chosen]
    part = limited(suite, limit)
    labels = labels_of(workspace, suite)
    compared: list[Compared] = []
    runs: dict[str, Run] = {}
    for endpoint, lacks in known:
        above = tuple(sorted(label or UNLABELLED for label in labels if not endpoint.takes(label)))
        if lacks:
            compared.append(Compared(endpoint, lacks, above, None, None, None))
            continue
        subject = Answering(workspace, endpoint, by, rerank=False).asking(endpoint.name)
        run = runs[endpoint.name] = put(part, subject, partial(on_progress, endpoint.name))
        figures = figures_of(run, suite.targets)
        verdict = judged(endpoint.name, figures.metrics, suite.targets)
        compared.append(Compared(endpoint, "", above, run, figures, verdict))
    return _comparison(suite, part, compared, runs)


def labels_of(workspace: Workspace, suite: Suite) -> frozenset[str | None]:
    """Return the sensitivities of the documents that answer a suite; None for what has no label."""
    wanted = {path for case in suite.cases for path in (*case.relevant, *case.citations)}
    with workspace.database.read() as connection:
        rows = [row for row in library.documents(connection) if row.path in wanted]
        lists = library.access_lists(connection, sorted({row.access_class for row in rows}))
    found = [lists.get(row.access_class) for row in rows]
    return frozenset(None if one is None else one.sensitivity for one in found)


def as_json(found: Comparison) -> dict[str, object]:
    """Return a comparison as JSON values."""
    return {
        "suite": found.suite,
        "cases": found.cases,
        "of": found.of,
        "targets": dict(found.targets),
        "recommended": found.recommended or None,
        "best": list(found.best),
        "alike": [list(pair) for pair in found.alike],
        "said": said(found),
        "notes": notes(found),
        "models": [_model_json(one) for one in found.models],
        "points": [
            {
                "name": one.endpoint.name,
                "cost": one.figures.cost,
                "quality": one.figures.quality.mean,
                "low": one.figures.quality.low,
                "high": one.figures.quality.high,
            }
            for one in found.models
            if one.figures is not None
        ],
    }


def said(found: Comparison) -> list[str]:
    """Return what is recommended in sentences."""
    if not found.recommended:
        lines = ["No endpoint that was asked may be sent what the suite's documents hold."]
        return lines if any(one.figures for one in found.models) else ["No endpoint is available."]
    chosen = next(one for one in found.models if one.endpoint.name == found.recommended)
    others = [name for name in found.best if name != found.recommended]
    lines = [f"Recommended: {found.recommended}, the cheapest of those that do best."]
    if others:
        lines.append(f"With {found.cases} cases it cannot be told apart from {', '.join(others)}.")
    if chosen.verdict and chosen.verdict.missed:
        lines.append(f"It misses {'; '.join(map(str, chosen.verdict.missed))}.")
    for one in found.models:
        if one.too_sensitive and one.figures is not None:
            lines.append(f"{one.endpoint.name} may not be sent {', '.join(one.too_sensitive)} documents.")
    if found.cases < found.of:
        lines.append(f"Only {found.cases} of {found.of} cases were asked.")
    return lines


def notes(found: Comparison) -> list[str]:
    """Return what else is to be known of each endpoint that was asked, in sentences."""
    lines: list[str] = []
    for one in found.models:
        figures = one.figures
        if figures is None:
            continue
        name, of = one.endpoint.name, f"of {figures.cases} cases"
        if figures.failed:
            lines.append(f"{name}: {figures.failed} {of} failed, the first with: {figures.failure}")
        if figures.taken_over:
            lines.append(
                f"{name}: {figures.taken_over} {of} were answered by an earlier run, with its times."
            )
    return lines


def deployment(endpoint: Endpoint) -> str:
    """Return what has to be there for an endpoint."""
    if endpoint.kind == QUOTES:
        return "nothing"
    known = CATALOGUE.get(endpoint.model) if endpoint.kind == "local" else None
    if known is not None:
        return f"weights of {known.size / 1e9:.1f} GB on this machine, and that much memory"
    return ", ".join(needs_of(endpoint)[1:])


def _comparison(
    suite: Suite, part: Suite, compared: Sequence[Compared], runs: Mapping[str, Run]
) -> Comparison:
    def differ(one: str, other: str) -> bool:
        return apart(runs[one], runs[other], suite.targets)

    offers = [
        Offer(
            one.endpoint.name,
            one.figures.quality.mean,
            one.figures.cost,
            one.figures.p50_ms,
            # One that breached access is offered to nobody.
            not one.too_sensitive and not any(short.breach for short in one.verdict.missed),
        )
        for one in compared
        if one.figures is not None and one.verdict is not None
    ]
    recommended, best = cheapest(offers, differ)
    names = list(runs)
    alike = tuple(
        (one, other) for at, one in enumerate(names) for other in names[at + 1 :] if not differ(one, other)
    )
    return Comparison(
        suite.name,
        len(part.cases),
        len(suite.cases),
        suite.targets,
        tuple(compared),
        recommended,
        best,
        alike,
    )


def _model_json(one: Compared) -> dict[str, object]:
    told: dict[str, object] = {
        "model": one.endpoint.name,
        "version": one.endpoint.version,
        "missing": one.missing,
        "privacy": asdict(privacy_of(one.endpoint)),
        "structured": "none" if one.endpoint.kind == QUOTES else one.endpoint.structured,
        "deployment": deployment(one.endpoint),
        "too_sensitive": list(one.too_sensitive),
    }
    if one.figures is None or one.verdict is None or one.run is None:
        return told
    return {
        **told,
        "run": one.run.id,
        **one.figures.as_json(),
        "cost_per_1000": one.figures.cost * 1000,
        "passes": one.verdict.passes,
        "missed": [str(short) for short in one.verdict.missed],
        "unsure": list(one.verdict.unsure),
    }
