"""Estimates over runs of adjacent rows, at the speed at which memory is read.

Long runs are multiplied where they lie; short ones are gathered first, since each call has a fixed cost of some
microseconds. Nothing outside the runs is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval.codes import Bytes, Codes, Floats, Question

Rows = npt.NDArray[np.int64]
Sums = npt.NDArray[np.floating[Any]]

_SHORT = 64
"""Runs below this mean length cost less gathered: each call costs as much as copying about so many rows."""
_AT_ONCE = 2048
"""Rows gathered at a time: few enough to stay in the cache of one core."""
_EXACT_IN_FLOAT32 = 1024
"""Up to here a sum of products of codes has no more than 24 bits."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Ascending runs of rows: `starts[i]` up to `ends[i]`."""

    starts: Rows
    ends: Rows

    @property
    def sizes(self) -> Rows:
        """Return the number of rows of each."""
        return self.ends - self.starts

    def joined(self) -> Runs:
        """Return the same rows in the fewest runs."""
        if len(self.starts) < 2:
            return self
        begins = np.ones(len(self.starts), np.bool_)
        begins[1:] = self.starts[1:] != self.ends[:-1]
        return Runs(
            self.starts[begins], self.ends[np.append(np.flatnonzero(begins)[1:] - 1, len(begins) - 1)]
        )

    def cut(self, rows: int) -> list[tuple[Runs, slice]]:
        """Return the same rows in portions of fewer than twice so many, each with where it stands among all."""
        total = int(self.sizes.sum())
        if total <= rows:
            return [(self, slice(0, total))] if total else []
        starts, ends = self.starts, self.ends
        if int(self.sizes.max()) > rows:
            pieces = -(-self.sizes // rows)
            starts = np.repeat(starts, pieces) + rows * spread(np.zeros_like(pieces), pieces)
            ends = np.minimum(starts + rows, np.repeat(ends, pieces))
        reached = np.cumsum(ends - starts)
        portions: list[tuple[Runs, slice]] = []
        first = done = 0
        while first < len(starts):
            last = int(np.searchsorted(reached, done + rows)) + 1
            end = int(reached[min(last, len(reached)) - 1])
            portions.append((Runs(starts[first:last], ends[first:last]), slice(done, end)))
            first, done = last, end
        return portions

    def rows(self) -> Rows:
        """Return every row."""
        return spread(self.starts, self.sizes)


def spread(starts: Rows, sizes: Rows) -> Rows:
    """Return `starts[i]`, `starts[i] + 1`, ... `sizes[i]` numbers each, one after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(total)


def estimates(codes: Codes, runs: Runs, question: Question, out: Floats) -> None:
    """Write an estimate of the cosine to each row of the runs, in order, from the question's first level to `out`.

    Adjacent runs cost more than one that joins them.
    """
    if len(out) < _SHORT * len(runs.starts):
        rows = runs.rows()
        found = products(codes.codes, rows, question.coarse)
        out[:] = found * codes.scale[rows] * question.coarse_scale
    else:
        found = _in_place(codes, runs, question.coarse, np.empty((1, len(out)), _kind(codes.codes)))
        out[:] = found * question.coarse_scale


def products(codes: Bytes, rows: Rows, question: Bytes) -> Sums:
    """Return the product of the question's codes with each of `rows`, in their order."""
    out = np.empty(len(rows), _kind(codes))
    buffer = np.empty((min(_AT_ONCE, len(rows)), codes.shape[1]), np.int8)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        # Only "clip" writes straight into the buffer; every row is one of the codes.
        held = np.take(codes, some, axis=0, out=buffer[: len(some)], mode="clip")
        out[start : start + len(some)] = multiplied(held, question)
    return out


def multiplied(codes: Bytes, question: Bytes) -> Sums:
    """Return the product of the question's codes with each row."""
    out = np.empty((1, len(codes)), _kind(codes))
    _cdist()(question, codes, "dot", out=out)
    return out[0]


def _in_place(codes: Codes, runs: Runs, question: Bytes, out: Sums) -> Sums:
    cdist, matrix = _cdist(), codes.codes
    at = 0
    for start, stop in zip(runs.starts.tolist(), runs.ends.tolist(), strict=True):
        end = at + stop - start
        cdist(question, matrix[start:stop], "dot", out=out[:, at:end])
        at = end
    return out[0] * codes.scale[runs.rows()]


def _cdist() -> Any:
    import numkong

    return numkong.cdist


def _kind(codes: Bytes) -> type[np.float32] | type[np.float64]:
    return np.float32 if codes.shape[1] <= _EXACT_IN_FLOAT32 else np.float64
