"""Which passages say the same: copies, and versions of one document kept as several files.

Two passages are twins when their words are the same in the same order, or when nearly all of their word sequences
are and their titles differ by nothing but dates and version marks. A small difference between documents of different
names may be all that matters, so those are never twins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from muniment.knowledge.retrieval import wording

ALIKE = 0.7
"""Share of word sequences that two versions have in common (Jaccard; Broder 1997)."""
_SEQUENCE = 4
_VERSION_MARK = re.compile(
    r"\b(v|ver|version|rev|revision|draft|final|copy|old|new|latest|superseded|archive[d]?|current|issue|edition)\b"
    r"|\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|\bq[1-4]\b|\d+"
)
_BETWEEN = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Likeness:
    """What of a passage is compared."""

    words: int
    """Digest of all words in order."""
    sequences: frozenset[int]
    family: str
    """The title without dates and version marks; empty when nothing else is in it."""

    def is_twin(self, other: Likeness) -> bool:
        """Return whether the two passages say the same."""
        if self.words == other.words:
            return True
        if not self.family or self.family != other.family:
            return False
        shared = len(self.sequences & other.sequences)
        return shared >= ALIKE * (len(self.sequences) + len(other.sequences) - shared) > 0


def likeness(title: str, text: str) -> Likeness:
    """Return what is compared of a passage."""
    words = tuple(wording.terms(text))
    ends = range(_SEQUENCE, len(words) + 1)
    sequences = frozenset(hash(words[end - _SEQUENCE : end]) for end in ends)
    return Likeness(hash(words), sequences, family(title))


def family(title: str) -> str:
    """Return a title without dates and version marks."""
    spaced = _BETWEEN.sub(" ", wording.fold(title))
    return " ".join(_VERSION_MARK.sub(" ", re.sub(r"\bv(?=\d)", "", spaced)).split())
