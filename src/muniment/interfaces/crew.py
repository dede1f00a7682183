"""The processes that serve one home together, as one of them knows them."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.foundation.clock import Clock
from muniment.foundation.in_hand import Held, InHand
from muniment.foundation.rate import Buckets, Rates
from muniment.foundation.shared_counts import SharedCounts


@dataclass(frozen=True, slots=True)
class Crew:
    """How many there are, and what they count together."""

    of: int = 1
    counts: SharedCounts | None = None
    """Of several processes."""
    number: int = 1
    """Which of them this is, from 1 on."""

    def rates(self, clock: Clock, tenant: str) -> Rates:
        """Return the buckets of a tenant's requests, over all processes."""
        return self.counts.rates(clock, tenant) if self.counts else Buckets(clock)

    def in_hand(self, tenant: str) -> InHand:
        """Return the counts of what a tenant's callers have in hand, over all processes."""
        return self.counts.in_hand(tenant) if self.counts else Held()

    def portion(self, most: int) -> int:
        """Return how much of what all may hold one process may."""
        return max(1, most // self.of)


ALONE = Crew()
