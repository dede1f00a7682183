"""Puts what statistics say of a run, and of it beside a baseline, into its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from muniment.assurance.evaluation.comparison import Comparison, MetricComparison, compared
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.reports.from_run import reported
from muniment.assurance.evaluation.reports.reported import (
    Baseline,
    Change,
    ComparisonRow,
    LatencyRow,
    MetricRow,
    ReportedRun,
    SliceRow,
)
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.statistics.interval import Estimate
from muniment.assurance.evaluation.summary import MetricSummary, SliceSummary, Summary, summary

_CHANGES: Mapping[str, Change] = {"better": "better", "worse": "worse"}


def report(run: Run, baseline: Run | None = None) -> ReportedRun:
    """Return the report of a run, beside a baseline where one is given; raises BadInput where they share no case."""
    whole = told(reported(run), summary(run))
    return whole if baseline is None else beside(whole, baseline, compared(baseline, run))


def told(plain: ReportedRun, found: Summary) -> ReportedRun:
    """Return a report with every figure's interval, judgement and smallest change."""
    taken = {row.stage: row.milliseconds for row in plain.latencies}
    return replace(
        plain,
        metrics=tuple(metric_row(one) for one in found.metrics),
        slices=tuple(_slice(one) for one in found.slices),
        latencies=tuple(
            LatencyRow(stage, taken[stage], one.p50, one.p95)
            for one in found.latencies
            if (stage := one.metric.removesuffix("_ms")) in taken
        ),
    )


def beside(plain: ReportedRun, baseline: Run, found: Comparison) -> ReportedRun:
    """Return a report that also says how the run differs from a baseline."""
    rows = tuple(_comparison(one) for one in found.metrics)
    return replace(plain, baseline=Baseline(baseline.id, baseline.subject, baseline.started, rows))


def metric_row(found: MetricSummary) -> MetricRow:
    """Return a metric of a summary as reports show it."""
    return replace(
        _row(found.metric, found.estimate), target=found.target, met=found.met, detectable=found.detectable
    )


def _slice(found: SliceSummary) -> SliceRow:
    rows = tuple(_row(name, estimate) for name, estimate in found.metrics.items())
    return SliceRow(found.tag, found.cases, rows)


def _row(name: str, found: Estimate | None) -> MetricRow:
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
        lower_is_better=metric.lower_is_better,
    )


def _comparison(found: MetricComparison) -> ComparisonRow:
    return ComparisonRow(
        metric=found.metric,
        unit=METRICS[found.metric].unit,
        cases=found.paired.n,
        before=found.baseline,
        after=found.candidate,
        difference=found.paired.difference,
        low=found.paired.low,
        high=found.paired.high,
        p=found.corrected,
        verdict=_CHANGES.get(found.verdict, "unclear"),
    )
