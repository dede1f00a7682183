"""How good an order of results is, given which documents are relevant and how much.

Every grader takes the ids best first and the gains by id (absent: 0; only gains above 0 count as relevant).
Edge cases, the same for all: no relevant document gives 0.0; an id that comes twice counts at its first place.
The formulas are those of trec_eval, so figures compare with published ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Gains = Mapping[str, int]


def ndcg(ranked: Sequence[str], gains: Gains, k: int) -> float:
    """Return discounted gain of the first `k`, against the best possible; gains count linearly."""
    best = sorted((gain for gain in gains.values() if gain > 0), reverse=True)[:k]
    ideal = sum(gain / math.log2(at + 2) for at, gain in enumerate(best))
    if not ideal:
        return 0.0
    got = sum(max(gains.get(name, 0), 0) / math.log2(at + 2) for at, name in enumerate(_distinct(ranked)[:k]))
    return got / ideal


def recall(ranked: Sequence[str], gains: Gains, k: int) -> float:
    """Return the share of relevant documents among the first `k`."""
    relevant = _relevant(gains)
    return len(relevant.intersection(_distinct(ranked)[:k])) / len(relevant) if relevant else 0.0


def precision(ranked: Sequence[str], gains: Gains, k: int) -> float:
    """Return the share of `k` places that relevant documents take; places that are empty are not relevant."""
    return len(_relevant(gains).intersection(_distinct(ranked)[:k])) / k


def average_precision(ranked: Sequence[str], gains: Gains) -> float:
    """Return the mean, over relevant documents, of the precision where each is found; 0 where it is not."""
    relevant = _relevant(gains)
    found, total = 0, 0.0
    for at, name in enumerate(_distinct(ranked), 1):
        if name in relevant:
            found += 1
            total += found / at
    return total / len(relevant) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], gains: Gains) -> float:
    """Return one over the place of the first relevant document; 0 where none is found."""
    relevant = _relevant(gains)
    return next((1 / at for at, name in enumerate(_distinct(ranked), 1) if name in relevant), 0.0)


def success(ranked: Sequence[str], gains: Gains, k: int) -> float:
    """Return 1.0 if a relevant document is among the first `k`, else 0.0."""
    return 1.0 if _relevant(gains).intersection(_distinct(ranked)[:k]) else 0.0


def _relevant(gains: Gains) -> frozenset[str]:
    return frozenset(name for name, gain in gains.items() if gain > 0)


def _distinct(ranked: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ranked))
