"""How well the search of a case found the documents that help to answer it.

Given only where the case names a relevant document. Edge cases: a search that gave nothing is 0 throughout; a
document that is ranked twice counts at its first place; one that the case does not name is not relevant; its gains
grade `ndcg@10` alone, for the others relevant is relevant.
"""

from __future__ import annotations

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders import ranking
from muniment.assurance.evaluation.observation import Observation


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return the metrics of the search; none where the case names no relevant document."""
    if not case.relevant:
        return {}
    return of_order(seen.ranked, case.gains)


def of_order(ranked: tuple[str, ...], gains: ranking.Gains) -> dict[str, float]:
    """Return the metrics of documents in an order, best first."""
    return {
        "recall@5": ranking.recall(ranked, gains, 5),
        "recall@20": ranking.recall(ranked, gains, 20),
        "precision@5": ranking.precision(ranked, gains, 5),
        "ndcg@10": ranking.ndcg(ranked, gains, 10),
        "mrr": ranking.reciprocal_rank(ranked, gains),
        "map": ranking.average_precision(ranked, gains),
        "success@1": ranking.success(ranked, gains, 1),
        "success@5": ranking.success(ranked, gains, 5),
    }
