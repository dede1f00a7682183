"""BM25 over the rows that may be seen, with every statistic taken over those rows only.

Invariant: the number of rows, a term's document frequency and the mean length are those of the authorised
set, so a score cannot move when rows change that the caller may not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LexicalSettings:
    """BM25's constants, and how many times an occurrence counts by field."""

    k1: float = 0.9
    b: float = 0.4
    title: float = 2.0
    heading: float = 1.0
    body: float = 1.0

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Return the field weights in the order of `segment.FIELDS`."""
        return np.array([self.title, self.heading, self.body])

    @property
    def name(self) -> str:
        """Return the settings as lineage records them."""
        fields = f"{self.title:g},{self.heading:g},{self.body:g}"
        return f"bm25 k1={self.k1:g} b={self.b:g} title,heading,body={fields}"


class Postings(Protocol):
    """Where the terms of the index stand."""

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Shape (rows, fields), in terms."""
        ...

    def posting(self, term: str) -> tuple[Rows, npt.NDArray[np.uint16]]:
        """Return the ascending rows that hold `term`, and its counts by field."""
        ...


def score(
    postings: Postings, allowed: Mask, rows: Rows, terms: Sequence[str], settings: LexicalSettings
) -> Scores:
    """Return the BM25 score of each of `rows` (those where `allowed`), in their order; 0 without a term."""
    total = np.zeros(len(allowed), np.float64)
    if not len(rows):
        return total[rows]
    weights = settings.weights
    lengths = postings.lengths @ weights
    mean = float(postings.lengths[rows].sum(axis=0, dtype=np.int64) @ weights) / len(rows) or 1.0
    norm = settings.k1 * (1 - settings.b + settings.b * lengths / mean)
    for term in terms:
        found, counts = postings.posting(term)
        seen = allowed[found]
        found, counts = found[seen], counts[seen]
        if not len(found):
            continue
        idf = np.log(1 + (len(rows) - len(found) + 0.5) / (len(found) + 0.5))
        often = counts @ weights
        total[found] += idf * often * (settings.k1 + 1) / (often + norm[found])
    return total[rows]


def holding(postings: Postings, size: int, terms: Sequence[str]) -> Mask:
    """Return which of the index's `size` rows hold every one of `terms`."""
    held = np.ones(size, np.bool_)
    for term in terms:
        here = np.zeros(size, np.bool_)
        here[postings.posting(term)[0]] = True
        held &= here
    return held
