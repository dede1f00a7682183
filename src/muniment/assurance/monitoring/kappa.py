"""How far two reviewers agree beyond chance. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from muniment.assurance.monitoring.shares import Estimate

_RESAMPLES = 1_000
Pair = tuple[str, str]
"""Two labels of one item."""


def kappa(pairs: Sequence[Pair]) -> float | None:
    """Return Cohen's kappa; None where chance alone would always agree, which tells nothing.

    Pairs have the label of the same reviewer first wherever the same two people labelled.
    """
    if not pairs:
        return None
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(count * second[label] for label, count in first.items()) / len(pairs) ** 2
    if chance >= 1.0:
        return None
    agreed = sum(one == other for one, other in pairs) / len(pairs)
    return (agreed - chance) / (1 - chance)


def kappa_estimate(pairs: Sequence[Pair], seed: int) -> Estimate:
    """Return kappa with its bootstrap interval over items."""
    value = kappa(pairs)
    if value is None:
        return Estimate(None, None, None, len(pairs))
    random = np.random.default_rng(seed)
    drawn = (
        kappa([pairs[at] for at in row]) for row in random.integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    )
    known = [one for one in drawn if one is not None]
    if len(known) < _RESAMPLES // 2:
        return Estimate(value, None, None, len(pairs))
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(value, min(value, float(low)), max(value, float(high)), len(pairs))
