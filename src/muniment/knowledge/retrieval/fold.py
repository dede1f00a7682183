"""Which passages say the same: copies, and versions of one document kept as several files.

Two passages are twins when their words are the same in the same order, or when they are of two documents whose
titles differ by nothing but dates and version marks and most of their word sequences are the same. A small
difference between documents of different names may be all that matters, so those are never twins.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from muniment.knowledge.retrieval import wording

ALIKE = 0.7
"""Share of word sequences that two versions have in common (Jaccard; Broder 1997)."""
_SEQUENCE = 4
_VERSION_MARK = re.compile(
    r"\b(v|ver|version|rev|revision|draft|final|copy|old|new|latest|superseded|archive[d]?|current|issue|edition)\b"
    r"|\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|\bq[1-4]\b|\d+"
)
_BETWEEN = re.compile(r"[\W_]+")


class Likeness:
    """What of a passage is compared; the word sequences are made when they are first needed."""

    def __init__(self, document: str, title: str, text: str) -> None:
        self.document = document
        self.words = " ".join(wording.fold(text).split())
        """The whole text, whatever its case, accents and line ends."""
        self.family = family(title)

    @cached_property
    def sequences(self) -> frozenset[tuple[str, ...]]:
        """Return every few words that follow each other."""
        terms = self._terms
        return frozenset(zip(*(terms[at:] for at in range(_SEQUENCE)), strict=False))

    @cached_property
    def _terms(self) -> list[str]:
        return wording.terms(self.words)

    @cached_property
    def _held(self) -> frozenset[str]:
        return frozenset(self._terms)

    @cached_property
    def _first(self) -> frozenset[str]:
        """The terms that begin a sequence."""
        return frozenset(self._terms[: 1 - _SEQUENCE])

    def is_twin(self, other: Likeness) -> bool:
        """Return whether the two passages say the same."""
        if self.words == other.words:
            return True
        if self.document == other.document or not self.family or self.family != other.family:
            return False
        # Each of these begins a sequence that the other lacks: with many of them, too few can be left to share.
        if len(self._first - other._held) > (1 - ALIKE) * len(self._terms):
            return False
        shared = len(self.sequences & other.sequences)
        return shared >= ALIKE * (len(self.sequences) + len(other.sequences) - shared) > 0


@lru_cache(maxsize=10_000)
def family(title: str) -> str:
    """Return a title without dates and version marks."""
    spaced = _BETWEEN.sub(" ", wording.fold(title))
    return " ".join(_VERSION_MARK.sub(" ", re.sub(r"\bv(?=\d)", "", spaced)).split())
