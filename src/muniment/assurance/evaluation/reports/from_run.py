"""A report of a run, from what the run alone holds: no interval, and no judgement of a target, is made up here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import cast

from muniment.assurance.evaluation.metric import METRICS, Metric
from muniment.assurance.evaluation.reports.reported import (
    CaseRow,
    LatencyRow,
    MetricRow,
    ReportedRun,
    SliceRow,
)
from muniment.assurance.evaluation.reports.shortfall import breaks, shortfalls
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.governance.audit.entry import Json

_MODEL = ("model", "endpoint")
"""Components that name the model, the first of them that there is."""


def reported(run: Run) -> ReportedRun:
    """Return what a report says of a run.

    Means come without intervals and targets without judgement, for that is for statistics to say.
    """
    lineage = tuple(_flat(run.lineage))
    versions = dict(lineage)
    return ReportedRun(
        run=run.id,
        suite=run.suite,
        suite_version=run.suite_version,
        suite_digest=run.suite_digest,
        kind=run.kind,
        subject=run.subject,
        model=next((versions[name] for name in _MODEL if name in versions), ""),
        lineage=lineage,
        corpus=run.corpus,
        started=run.started,
        finished=run.finished,
        by=run.by,
        cases=run.cases,
        results=tuple(case_row(result) for result in run.results),
        metrics=metric_rows(run.results, run.targets),
        slices=_slices(run.results),
        latencies=_latencies(run.results),
    )


def case_row(result: CaseResult) -> CaseRow:
    """Return a case as reports show it."""
    return CaseRow(
        case=result.case,
        question=result.question,
        asker=result.asker,
        status=result.status,
        scores=tuple(result.scores.items()),
        answer_id=result.answer_id,
        tags=result.tags,
        error=result.error,
        short=shortfalls(result.status, result.scores),
        breach=result.status != "failed" and any(breaks(*one) for one in result.scores.items()),
        detail=tuple(_flat(result.detail)),
        milliseconds=result.scores.get("answer_ms"),
    )


def metric_rows(results: Sequence[CaseResult], targets: Mapping[str, float]) -> tuple[MetricRow, ...]:
    """Return each metric that a case was scored by or that has a target, in the order of reports."""
    scored = {name for result in results for name in result.scores}
    unknown = sorted((scored | set(targets)) - METRICS.keys())
    named = [name for name in METRICS if name in scored or name in targets]
    return tuple(
        _row(METRICS.get(name) or Metric(name, "operations", ""), results, targets.get(name))
        for name in (*named, *unknown)
    )


def _row(metric: Metric, results: Sequence[CaseResult], target: float | None) -> MetricRow:
    scored = [(one.weight, one.scores[metric.name]) for one in results if metric.name in one.scores]
    weights = sum(weight for weight, _ in scored)
    mean = sum(weight * score for weight, score in scored) / weights if weights else None
    return MetricRow(
        name=metric.name,
        about=metric.about,
        stage=metric.stage,
        unit=metric.unit,
        cases=len(scored),
        mean=mean,
        target=target,
        lower_is_better=metric.lower_is_better,
    )


def _slices(results: Sequence[CaseResult]) -> tuple[SliceRow, ...]:
    tags = dict.fromkeys(tag for result in results for tag in result.tags)
    cut = {tag: [one for one in results if tag in one.tags] for tag in tags}
    return tuple(SliceRow(tag, len(those), metric_rows(those, {})) for tag, those in cut.items())


def _latencies(results: Sequence[CaseResult]) -> tuple[LatencyRow, ...]:
    rows: list[LatencyRow] = []
    for metric in METRICS.values():
        taken = sorted(one.scores[metric.name] for one in results if metric.name in one.scores)
        if metric.unit == "ms" and taken:
            stage = metric.name.removesuffix("_ms")
            rows.append(LatencyRow(stage, tuple(taken), _quantile(taken, 0.5), _quantile(taken, 0.95)))
    return tuple(rows)


def _quantile(ordered: Sequence[float], share: float) -> float:
    # A time that was really taken, not one between two: with few cases it says no more than there is.
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _flat(value: Mapping[str, Json], above: str = "") -> Iterator[tuple[str, str]]:
    for name, part in value.items():
        path = f"{above}.{name}" if above else name
        if isinstance(part, Mapping):
            yield from _flat(cast("Mapping[str, Json]", part), path)
        else:
            yield path, part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
