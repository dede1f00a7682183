"""Exact similarity of a question's vector to the vectors of the rows that may be seen.

Every authorised row is scored, so the top k is the true one and is filled from authorised rows only; no other
row is read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]


def similarities(matrix: Matrix, rows: Rows, query: npt.NDArray[np.float32]) -> Scores:
    """Return the cosine of `query` to each of `rows` (unit vectors), in the order of `rows`."""
    chosen = matrix if len(rows) == len(matrix) else matrix[rows]
    return np.asarray(chosen @ query, np.float64)


def top(scores: npt.NDArray[Any], k: int) -> Rows:
    """Return the positions of the `k` highest scores, best first, ties in order of position."""
    if k <= 0 or len(scores) == 0:
        return np.zeros(0, np.int64)
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    reach = np.flatnonzero(scores >= edge)
    return reach[np.argsort(-scores[reach], kind="stable")][:k]
