"""The metrics of retrieval as trec_eval counts them, by ir-measures: a second opinion on the graders here.

Needs the extra `eval`. Edge cases, so that both are asked the same: places become strictly falling scores, because
trec_eval puts documents of one score in an order of its own; a document that is ranked twice counts at its first
place; a case that names no relevant document has no metrics; one whose search gave nothing has 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from statistics import fmean
from typing import Any

from muniment.assurance.evaluation.graders.ranking import Gains
from muniment.foundation.errors import NotSetUp

_THEIRS = {
    "recall@5": "R@5",
    "recall@20": "R@20",
    "precision@5": "P@5",
    "ndcg@10": "nDCG@10",
    "mrr": "RR",
    "map": "AP",
    "success@1": "Success@1",
    "success@5": "Success@5",
}
"""What ir-measures calls each metric."""
_EMPTY = "-"
"""Stands, not relevant, for a search that gave nothing, which trec_eval would leave out of its means."""


def installed() -> bool:
    """Return whether the extra is there."""
    return find_spec("ir_measures") is not None


def by_case(gains: Mapping[str, Gains], ranked: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Return the metrics of each case that names a relevant document; raises NotSetUp without the extra."""
    if not installed():
        raise NotSetUp("ir-measures is not installed.", fix="Run `pip install 'muniment[eval]'`.")
    import ir_measures

    theirs: dict[Any, str] = {ir_measures.parse_measure(name): ours for ours, name in _THEIRS.items()}
    judged = {case: dict(one) for case, one in gains.items() if any(gain > 0 for gain in one.values())}
    orders = {case: _scores(ranked.get(case, ())) for case in judged}
    found: dict[str, dict[str, float]] = {case: {} for case in judged}
    for one in ir_measures.iter_calc(list(theirs), judged, orders):
        found[one.query_id][theirs[one.measure]] = float(one.value)
    return found


def reference(gains: Mapping[str, Gains], ranked: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return the mean of each metric over the cases; raises NotSetUp without the extra."""
    cases = by_case(gains, ranked).values()
    return {name: fmean(one[name] for one in cases) for name in _THEIRS} if cases else {}


def _scores(order: Sequence[str]) -> dict[str, float]:
    distinct = list(dict.fromkeys(order)) or [_EMPTY]
    return {name: float(len(distinct) - at) for at, name in enumerate(distinct)}
