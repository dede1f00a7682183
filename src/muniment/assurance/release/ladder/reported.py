"""A ladder, and models beside each other, as what a report of them says; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.reports.reported import CostPoint, CostQuality, MetricRow
from muniment.assurance.evaluation.reports.ways import ReportedWays, WayRow
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.statistics.interval import Estimate
from muniment.assurance.evaluation.summary import meets
from muniment.assurance.release.ladder import models, tell
from muniment.assurance.release.ladder.figures import Figures
from muniment.assurance.release.ladder.ladder import Ladder
from muniment.assurance.release.ladder.models import Comparison
from muniment.assurance.release.ladder.rung import privacy_of

QUALITY = "the mean of the targets' shares"


def reported_ladder(ladder: Ladder) -> ReportedWays:
    """Return what a report says of a ladder."""
    chosen = ladder.recommendation.name
    rows: list[WayRow] = []
    points: list[CostPoint] = []
    for one in ladder.rungs:
        rung = one.rung
        title, needs, sent = f"{rung.number} {rung.title}", ", ".join(rung.needs), str(rung.privacy or "")
        if one.run is None or one.figures is None:
            rows.append(WayRow(title, "not available", needs, sent, rung.missing))
            continue
        passes = ladder.recommendation.verdict(rung.name).passes
        word = "enough" if rung.name == chosen else "passes" if passes else "misses"
        rows.append(_way(WayRow(title, word, needs, sent), one.run, one.figures, ladder.targets))
        points.append(_point(rung.title, one.figures, rung.name == chosen))
    runs = [one.run for one in ladder.rungs if one.run is not None]
    said = (*tell.said(ladder), *tell.notes(ladder))
    return _reported(
        "Ladder", ladder.suite, (ladder.cases, ladder.of), bool(chosen), said, rows, points, runs
    )


def reported_models(found: Comparison) -> ReportedWays:
    """Return what a report says of models beside each other."""
    rows: list[WayRow] = []
    points: list[CostPoint] = []
    for one in found.models:
        name = one.endpoint.name
        needs, sent = models.deployment(one.endpoint), str(privacy_of(one.endpoint))
        if one.run is None or one.figures is None or one.verdict is None:
            rows.append(WayRow(name, "not available", needs, sent, one.missing))
            continue
        passes = "passes" if one.verdict.passes else "misses"
        word = "recommended" if name == found.recommended else passes
        rows.append(_way(WayRow(name, word, needs, sent), one.run, one.figures, found.targets))
        points.append(_point(name, one.figures, name == found.recommended))
    runs = [one.run for one in found.models if one.run is not None]
    said = (*models.said(found), *models.notes(found))
    return _reported(
        "Models", found.suite, (found.cases, found.of), bool(found.recommended), said, rows, points, runs
    )


def _reported(
    kind: str,
    suite: str,
    cases: tuple[int, int],
    ok: bool,
    said: Iterable[str],
    rows: Iterable[WayRow],
    points: Iterable[CostPoint],
    runs: list[Run],
) -> ReportedWays:
    return ReportedWays(
        kind=kind,
        suite=suite,
        cases=cases[0],
        of=cases[1],
        by=runs[0].by if runs else "",
        at=runs[0].started if runs else "",
        ok=ok,
        said=tuple(said),
        ways=tuple(rows),
        cost_quality=CostQuality(QUALITY, tuple(points)),
    )


def _way(row: WayRow, run: Run, figures: Figures, targets: Mapping[str, float]) -> WayRow:
    return WayRow(
        title=row.title,
        word=row.word,
        needs=row.needs,
        sent=row.sent,
        run=run.id,
        metrics=tuple(_metric(name, figures.metrics.get(name), target) for name, target in targets.items()),
        cost=figures.cost,
        p50=figures.p50_ms,
        p95=figures.p95_ms,
        prompt_tokens=figures.prompt_tokens,
        completion_tokens=figures.completion_tokens,
    )


def _metric(name: str, found: Estimate | None, target: float) -> MetricRow:
    metric = METRICS[name]
    return MetricRow(
        name=name,
        about=metric.about,
        stage=metric.stage,
        unit=metric.unit,
        cases=found.n if found else 0,
        mean=found.mean if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        target=target,
        met=found is not None and meets(metric, found.mean, target),
        lower_is_better=metric.lower_is_better,
    )


def _point(name: str, figures: Figures, chosen: bool) -> CostPoint:
    quality = figures.quality
    return CostPoint(name, figures.cost, quality.mean, quality.low, quality.high, quality.n, chosen)
