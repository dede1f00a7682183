"""Whether two groups of texts are of one kind: distances with permutation tests. No I/O.

Each test asks how often groups of these sizes, drawn from all texts together, lie as far apart as the two do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muniment.governance.audit.entry import Json

PERMUTATIONS = 499
_MOST_WORDS = 2_000
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far apart two groups lie."""

    how: str
    value: float
    p: float
    """Share of random splits that lie as far apart; at least 1 / (PERMUTATIONS + 1)."""
    n: int
    m: int

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {"how": self.how, "value": round(self.value, 6), "p": self.p, "n": self.n, "m": self.m}


def jensen_shannon(a: Sequence[Sequence[str]], b: Sequence[Sequence[str]], seed: int) -> Distance:
    """Return the Jensen-Shannon divergence, 0 to 1, of the words of two groups of texts."""
    counts = _counted([*a, *b])
    splits = _splits(len(a), len(b), seed)
    words = splits @ counts
    found = _divergence(words, counts.sum(axis=0)[None, :] - words)
    return Distance("words", float(found[0]), _p(found), len(a), len(b))


def kernel_distance(a: Matrix, b: Matrix, seed: int) -> Distance:
    """Return the squared maximum mean discrepancy of two groups of vectors, by a kernel as wide as their median."""
    rows = np.concatenate([a, b]).astype(np.float64)
    norms = (rows**2).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms[None, :] - 2 * rows @ rows.T, 0.0)
    width = float(np.median(squares[np.triu_indices(len(rows), 1)])) or 1.0
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 0.0)
    splits = _splits(len(a), len(b), seed)
    one, other, whole = splits @ kernel, (1 - splits) @ kernel, float(kernel.sum())
    inside, outside = (one * splits).sum(axis=1), (other * (1 - splits)).sum(axis=1)
    across = whole - inside - outside
    n, m = len(a), len(b)
    found = inside / (n * (n - 1)) + outside / (m * (m - 1)) - across / (n * m)
    return Distance("vectors", float(found[0]), _p(found), n, m)


def mean_difference(a: Sequence[float], b: Sequence[float], seed: int) -> Distance:
    """Return how far the mean of `b` lies above that of `a`."""
    values = np.array([*a, *b], np.float64)
    splits = _splits(len(a), len(b), seed)
    sums = splits @ values
    found = (values.sum() - sums) / len(b) - sums / len(a)
    return Distance("means", float(found[0]), _p(np.abs(found)), len(a), len(b))


def quantile_difference(a: Sequence[float], b: Sequence[float], q: float, seed: int) -> float:
    """Return the p-value of a quantile being the same in two groups."""
    if not len(a) or not len(b):
        return 1.0
    values = np.array([*a, *b], np.float64)
    splits = _splits(len(a), len(b), seed).astype(bool)
    found = [abs(float(np.quantile(values[row], q) - np.quantile(values[~row], q))) for row in splits]
    return _p(np.array(found))


def _splits(n: int, m: int, seed: int) -> Matrix:
    """Return rows that mark a first group of `n`: the one there is, then those drawn."""
    order = np.random.default_rng(seed).random((PERMUTATIONS, n + m)).argsort(axis=1)
    return np.vstack([np.arange(n + m) < n, order < n]).astype(np.float64)


def _p(found: Matrix) -> float:
    """Return how often what was drawn is at least what there is, which counts itself."""
    return float((found >= found[0] - 1e-12).sum()) / len(found)


def _counted(texts: Sequence[Sequence[str]]) -> Matrix:
    numbers: dict[str, int] = {}
    total: dict[str, int] = {}
    for text in texts:
        for word in text:
            total[word] = total.get(word, 0) + 1
    for word in sorted(total, key=lambda word: (-total[word], word))[:_MOST_WORDS]:
        numbers[word] = len(numbers)
    counts = np.zeros((len(texts), max(1, len(numbers))))
    for row, text in enumerate(texts):
        for word in text:
            if word in numbers:
                counts[row, numbers[word]] += 1
    return counts


def _divergence(one: Matrix, other: Matrix) -> Matrix:
    p, q = (part / np.maximum(part.sum(axis=1, keepdims=True), 1.0) for part in (one, other))
    return np.maximum(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2, 0.0)


def _entropy(p: Matrix) -> Matrix:
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=1)


def ratio_difference(a: Sequence[tuple[int, int]], b: Sequence[tuple[int, int]], seed: int) -> float:
    """Return the p-value of a ratio of sums being the same in two groups of cases."""
    pairs = np.array([*a, *b], np.float64).reshape(-1, 2)
    if not len(a) or not len(b):
        return 1.0
    first = _splits(len(a), len(b), seed) @ pairs
    second = pairs.sum(axis=0)[None, :] - first
    of_first, of_second = (one[:, 0] / np.maximum(one[:, 1], 1.0) for one in (first, second))
    return _p(np.abs(of_first - of_second))
