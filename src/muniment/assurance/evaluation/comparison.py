"""Two runs side by side, over the cases that they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from muniment.assurance.evaluation.metric import METRICS, Metric
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.scored import ends, scored
from muniment.assurance.evaluation.statistics.detectable import detectable
from muniment.assurance.evaluation.statistics.interval import Floats
from muniment.assurance.evaluation.statistics.many import holm
from muniment.assurance.evaluation.statistics.paired import Paired, paired
from muniment.foundation.errors import BadInput

Direction = Literal["better", "worse", "cannot be told apart"]
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """A metric over the cases that have it in both runs."""

    metric: str
    baseline: float
    """Its mean over these cases."""
    candidate: float
    paired: Paired
    corrected: float
    """The p of `paired`, corrected for all metrics that were looked at."""
    verdict: Direction
    detectable: float | None
    """Smallest change that would show; None where no change would."""


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case whose score in a metric is not what it was."""

    case: str
    metric: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from a baseline to a candidate."""

    common: int
    """Cases that are the same in both."""
    only_baseline: int
    only_candidate: int
    metrics: tuple[MetricComparison, ...]
    worse: tuple[CaseChange, ...]
    """Quality alone: times and costs differ in every case."""
    better: tuple[CaseChange, ...]
    not_compared: tuple[str, ...]
    """Metrics that no common case has in both runs."""

    def metric(self, name: str) -> MetricComparison | None:
        """Return the comparison of a metric, where there is one."""
        return next((each for each in self.metrics if each.metric == name), None)


@dataclass(frozen=True, slots=True)
class Matched:
    """The common cases of two runs as tables of the same shape."""

    cases: tuple[tuple[CaseResult, CaseResult], ...]
    metrics: tuple[Metric, ...]
    before: Floats
    after: Floats
    weights: Floats


def compared(baseline: Run, candidate: Run) -> Comparison:
    """Return what changed; raises BadInput where the runs have no case in common."""
    both = matched(baseline, candidate)
    found = paired(both.before, both.after, both.weights, [ends(metric) for metric in both.metrics])
    corrected = _corrected(both.metrics, found)
    rows = [_row(both, at, each, corrected[at]) for at, each in enumerate(found) if each is not None]
    worse, better = _changes(both)
    return Comparison(
        common=len(both.cases),
        only_baseline=len(baseline.results) - len(both.cases),
        only_candidate=len(candidate.results) - len(both.cases),
        metrics=tuple(rows),
        worse=worse,
        better=better,
        not_compared=tuple(
            metric.name for metric, each in zip(both.metrics, found, strict=True) if each is None
        ),
    )


def matched(baseline: Run, candidate: Run) -> Matched:
    """Return the cases that were put alike in both runs; raises BadInput where there are none."""
    pairs = _pairs(baseline.results, candidate.results)
    if not pairs:
        raise BadInput(
            f"Runs {baseline.id} and {candidate.id} have no case in common.",
            fix="Compare two runs of the same suite.",
        )
    before, after = (scored([pair[side] for pair in pairs]) for side in (0, 1))
    metrics = tuple(
        metric for metric in METRICS.values() if metric in before.metrics or metric in after.metrics
    )
    return Matched(
        pairs,
        metrics,
        scored([pair[0] for pair in pairs], metrics).table,
        scored([pair[1] for pair in pairs], metrics).table,
        after.weights,
    )


def oriented(metric: Metric, differences: Floats) -> Floats:
    """Return differences with what is better above 0."""
    return -differences if metric.lower_is_better else differences


def _pairs(
    before: Sequence[CaseResult], after: Sequence[CaseResult]
) -> tuple[tuple[CaseResult, CaseResult], ...]:
    """Return equal cases, those that stand in a suite twice in their order."""
    waiting: defaultdict[str, list[CaseResult]] = defaultdict(list)
    for result in before:
        waiting[result.digest].append(result)
    return tuple((waiting[result.digest].pop(0), result) for result in after if waiting[result.digest])


def _corrected(metrics: Sequence[Metric], found: Sequence[Paired | None]) -> dict[int, float]:
    """Return each p corrected: quality among quality, times and costs among themselves."""
    corrected: dict[int, float] = {}
    for operations in (False, True):
        places = [
            at
            for at, (metric, each) in enumerate(zip(metrics, found, strict=True))
            if each is not None and (metric.stage == "operations") == operations
        ]
        chances = [each.p for at in places if (each := found[at]) is not None]
        corrected.update(zip(places, holm(chances), strict=True))
    return corrected


def _row(both: Matched, at: int, each: Paired, corrected: float) -> MetricComparison:
    metric = both.metrics[at]
    differences = both.after[:, at] - both.before[:, at]
    has = ~np.isnan(differences)
    weights = both.weights[has]
    before, after = both.before[has, at], both.after[has, at]
    verdict: Direction = "cannot be told apart"
    if corrected < SIGNIFICANT:
        verdict = "better" if oriented(metric, np.array(each.difference)) > 0 else "worse"
    return MetricComparison(
        metric.name,
        float(np.average(before, weights=weights)),
        float(np.average(after, weights=weights)),
        each,
        corrected,
        verdict,
        detectable(after, weights, ends(metric), differences[has]),
    )


def _changes(both: Matched) -> tuple[tuple[CaseChange, ...], tuple[CaseChange, ...]]:
    worse: list[CaseChange] = []
    better: list[CaseChange] = []
    for row, (_, result) in enumerate(both.cases):
        for at, metric in enumerate(both.metrics):
            before, after = float(both.before[row, at]), float(both.after[row, at])
            if metric.unit == "share" and abs(after - before) > 1e-9:
                change = CaseChange(result.case, metric.name, before, after)
                (worse if (after < before) != metric.lower_is_better else better).append(change)
    return tuple(worse), tuple(better)
