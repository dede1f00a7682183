"""The scores of results as a table: a row for each case, a column for each metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muniment.assurance.evaluation.metric import METRICS, Metric
from muniment.assurance.evaluation.results import CaseResult
from muniment.assurance.evaluation.statistics.interval import SHARE, Ends, Floats
from muniment.foundation.errors import BadInput


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of cases."""

    metrics: tuple[Metric, ...]
    """In the order of reports, those that any case has."""
    table: Floats
    """NaN where a metric does not apply to a case."""
    weights: Floats

    @property
    def ends(self) -> tuple[Ends, ...]:
        """Return between what the scores of each metric lie."""
        return tuple(ends(metric) for metric in self.metrics)


def ends(metric: Metric) -> Ends:
    """Return between what its scores lie."""
    return SHARE if metric.unit == "share" else None


def known(name: str) -> Metric:
    """Return a metric by its name; raises BadInput for one that there is not."""
    if name not in METRICS:
        raise BadInput(f"No metric is named {name}.", fix=f"Known: {', '.join(METRICS)}.")
    return METRICS[name]


def scored(results: Sequence[CaseResult], metrics: Sequence[Metric] | None = None) -> Scored:
    """Return the table of results, or of some of their metrics; raises BadInput for a score that cannot be."""
    if metrics is None:
        given = {name for result in results for name in result.scores}
        metrics = sorted((known(name) for name in given), key=list(METRICS.values()).index)
    table = np.full((len(results), len(metrics)), np.nan)
    for row, result in enumerate(results):
        for column, metric in enumerate(metrics):
            if metric.name in result.scores:
                table[row, column] = _checked(result, metric)
        if not (math.isfinite(result.weight) and result.weight > 0):
            raise BadInput(f"Case {result.case} has the weight {result.weight}.", fix="Give one above 0.")
    return Scored(tuple(metrics), table, np.array([result.weight for result in results], np.float64))


def _checked(result: CaseResult, metric: Metric) -> float:
    score = float(result.scores[metric.name])
    most = 1.0 if metric.unit == "share" else math.inf
    if not (math.isfinite(score) and 0 <= score <= most):
        raise BadInput(
            f"Case {result.case} has {score} for {metric.name}.",
            fix=f"Give {'a share from 0 to 1' if metric.unit == 'share' else 'a number from 0'}.",
        )
    return score
