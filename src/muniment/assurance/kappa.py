"""Agreement of two beyond chance, Cohen's kappa. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Pair = tuple[str, str]
"""Two labels of one item, that of the same one first wherever the same two labelled."""


def chance_of(pairs: Sequence[Pair]) -> float:
    """Return the share of items on which chance alone would have both agree; 1 for no items."""
    if not pairs:
        return 1.0
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    return sum(count * second[label] for label, count in first.items()) / len(pairs) ** 2


def beyond(chance: float, share: float) -> float:
    """Return the kappa of those who agree on this share; `chance` is below 1."""
    return (share - chance) / (1 - chance)


def kappa(pairs: Sequence[Pair]) -> float | None:
    """Return Cohen's kappa; None where chance alone would always agree, which tells nothing."""
    chance = chance_of(pairs)
    if chance >= 1.0:
        return None
    return beyond(chance, sum(one == other for one, other in pairs) / len(pairs))
