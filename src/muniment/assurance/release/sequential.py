"""Whether one of two shares is higher than chance explains, looked at as often as anybody likes.

The mixture sequential probability ratio test: the likelihood of the difference seen, averaged over a normal spread
of true differences, against that of none. Where there is none, the chance that this ratio *ever* reaches 1/alpha is
at most alpha, however often one looks; a fixed test that is looked at each minute would sooner or later call anything
worse. It rests on the normal approximation, hence the least number of cases; and it takes cases as independent of one
another, which several questions of one person are not quite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ALPHA = 0.01
"""Chance that a canary as good as the rest is ever called worse, over all its signals together."""
LEAST = 50
"""Cases of each arm, below which nothing is said."""
SPREAD = 0.1
"""How large the true differences are that it is tuned to find soonest, as a standard deviation."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of so many."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """Return the share; of none, 0."""
        return self.count / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.count} of {self.of} ({self.value * 100:.1f} %)"


def is_higher(one: Share, other: Share, alpha: float, least: int = LEAST) -> bool:
    """Return whether the first share is higher than the second, at a chance of at most `alpha` over all looks."""
    difference = one.value - other.value
    if min(one.of, other.of) < least or difference <= 0:
        return False
    return ratio(one, other) >= 1 / alpha


def ratio(one: Share, other: Share) -> float:
    """Return how much likelier the difference is where there is a true one than where there is none."""
    # One more of each outcome: a share of 0 or 1 would claim to have no spread.
    both = (one.count + other.count + 1) / (one.of + other.of + 2)
    variance = both * (1 - both) * (1 / one.of + 1 / other.of)
    difference = one.value - other.value
    mixed = variance + SPREAD**2
    return math.sqrt(variance / mixed) * math.exp(SPREAD**2 * difference**2 / (2 * variance * mixed))
