"""Figures of runs that were worked out before: the same results give the same figures, whoever reads them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache

from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.summary import Summary, summary

MOST = 64
"""Runs whose figures are kept."""


@dataclass(frozen=True, slots=True)
class _Held:
    content: Hashable
    run: Run = field(compare=False)


def content(run: Run) -> Hashable:
    """Return all of a run that its figures are worked out from."""
    results = tuple(
        (one.case, one.digest, one.status, one.weight, one.tags, one.cached, tuple(one.scores.items()))
        for one in run.results
    )
    return run.kind, run.cases, run.finished, tuple(run.targets.items()), results


def remembered_summary(run: Run) -> Summary:
    """Return what `summary` does; raises as that does."""
    return _of(_Held(content(run), run))


@lru_cache(MOST)
def _of(held: _Held) -> Summary:
    return summary(held.run)
