"""What a run says: every figure with its cases and its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from muniment.assurance.evaluation.metric import METRICS, Metric
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.scored import Scored, ends, known, scored
from muniment.assurance.evaluation.statistics.detectable import detectable
from muniment.assurance.evaluation.statistics.interval import Estimate, Floats, estimates
from muniment.assurance.evaluation.statistics.slices import slices


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric over all cases that have it."""

    metric: str
    n: int
    estimate: Estimate | None
    """None where no case has it."""
    target: float | None
    met: bool | None
    """Whether the mean reaches the target; None without a target. What no case measured reaches none."""
    detectable: float | None
    """Smallest change that would show; None where no change would."""


@dataclass(frozen=True, slots=True)
class SliceSummary:
    """The cases of one tag."""

    tag: str
    cases: int
    metrics: Mapping[str, Estimate]
    """Of those that any of its cases has; what is `too_few` says next to nothing."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A case with a failure that nothing makes up for."""

    case: str
    metric: str


@dataclass(frozen=True, slots=True)
class Latency:
    """How long something took, in milliseconds."""

    metric: str
    n: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures."""

    cases: int
    """That have a result."""
    complete: bool
    statuses: Mapping[str, int]
    metrics: tuple[MetricSummary, ...]
    slices: tuple[SliceSummary, ...]
    breaches: tuple[Breach, ...]
    latencies: tuple[Latency, ...]

    def metric(self, name: str) -> MetricSummary | None:
        """Return the figures of a metric, where the run has it or a target for it."""
        return next((each for each in self.metrics if each.metric == name), None)


def summary(run: Run) -> Summary:
    """Return what a run says; raises BadInput for scores and metrics that cannot be."""
    scores = scored(run.results)
    return Summary(
        cases=len(run.results),
        complete=run.complete,
        statuses=dict(Counter(result.status for result in run.results)),
        metrics=_metrics(scores, run.targets),
        slices=_slices(run.results, scores),
        breaches=breaches(run),
        latencies=tuple(
            Latency(metric.name, len(times), *(float(at) for at in np.quantile(times, (0.5, 0.95))))
            for at, metric in enumerate(scores.metrics)
            if metric.unit == "ms" and len(times := _present(scores.table[:, at]))
        ),
    )


def breaches(run: Run) -> tuple[Breach, ...]:
    """Return every failure that nothing makes up for; a case that failed showed none, and proved nothing either."""
    return tuple(
        Breach(result.case, name)
        for result in run.results
        if result.status != "failed"
        for name, score in result.scores.items()
        if known(name).breach and not score >= 1
    )


def meets(metric: Metric, mean: float, target: float) -> bool:
    """Return whether a mean reaches what is asked of it: the least, or of what is better lower the most."""
    return mean <= target + 1e-9 if metric.lower_is_better else mean >= target - 1e-9


def _metrics(scores: Scored, targets: Mapping[str, float]) -> tuple[MetricSummary, ...]:
    found = dict(zip(scores.metrics, estimates(scores.table, scores.weights, scores.ends), strict=True))
    wanted = {known(name) for name in targets} | set(found)
    columns = {metric: at for at, metric in enumerate(scores.metrics)}
    rows: list[MetricSummary] = []
    for metric in (each for each in METRICS.values() if each in wanted):
        estimate, target, least = found.get(metric), targets.get(metric.name), None
        if estimate is not None:
            has = ~np.isnan(scores.table[:, columns[metric]])
            least = detectable(scores.table[has, columns[metric]], scores.weights[has], ends(metric))
        met = None if target is None else estimate is not None and meets(metric, estimate.mean, target)
        rows.append(MetricSummary(metric.name, estimate.n if estimate else 0, estimate, target, met, least))
    return tuple(rows)


def _slices(results: tuple[CaseResult, ...], scores: Scored) -> tuple[SliceSummary, ...]:
    return tuple(
        SliceSummary(
            each.tag,
            each.cases,
            {
                metric.name: estimate
                for metric, estimate in zip(scores.metrics, each.estimates, strict=True)
                if estimate is not None
            },
        )
        for each in slices([result.tags for result in results], scores.table, scores.weights, scores.ends)
    )


def _present(column: Floats) -> Floats:
    return column[~np.isnan(column)]
