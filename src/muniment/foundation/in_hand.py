"""How many of something each has in hand now."""

from __future__ import annotations

from collections import Counter
from typing import Protocol


class InHand(Protocol):
    """Counts in one process (`Held`), or over several (`SharedCounts.in_hand`)."""

    def take(self, who: str, most: int) -> bool:
        """Count one more, unless that would be more than `most`; return whether it was counted."""
        ...

    def give_back(self, who: str) -> None:
        """Count one less."""
        ...


class Held:
    """Counts of one process, by its event loop alone."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def take(self, who: str, most: int) -> bool:
        if self._held[who] >= most:
            return False
        self._held[who] += 1
        return True

    def give_back(self, who: str) -> None:
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
