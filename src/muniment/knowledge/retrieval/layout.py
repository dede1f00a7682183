"""Segments side by side: their rows, blocks and extents numbered one after the other.

One array for all costs a search less than one for each segment, however many segments there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval.codes import Floats
from muniment.knowledge.retrieval.segment import FIELDS, Integers, Segment

Addresses = npt.NDArray[np.uint64]
_Number = TypeVar("_Number", np.float32, np.int64)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of some segments lie; starts have one more that closes the last."""

    segments: tuple[Segment, ...]
    rows: Integers
    """First row of each segment. So for blocks and extents."""
    blocks: Integers
    extents: Integers
    block_starts: Integers
    """First row of each block of any segment."""
    block_extents: Integers
    extent_starts: Integers
    widest: Floats
    """Shape (2, blocks): the largest `lost` and `length` of each block's codes."""
    block_lengths: Integers
    """Shape (fields, blocks): the lengths of all rows of each block."""
    codes: Addresses
    """Shape (segments, 4): where the codes, `scale`, `lost` and `length` of each segment lie; 0 where it has none.

    They are there as long as the segments are.
    """

    @staticmethod
    def of(segments: Sequence[Segment]) -> Layout:
        """Return the layout of these segments in their order."""
        rows = _firsts([segment.rows for segment in segments])
        extents = _firsts([len(segment.documents) for segment in segments])
        return Layout(
            segments=tuple(segments),
            rows=rows,
            blocks=_firsts([len(segment.block_classes) for segment in segments]),
            extents=extents,
            block_starts=_joined([segment.block_starts for segment in segments], rows),
            block_extents=_joined([segment.block_extents for segment in segments], extents),
            extent_starts=_joined([segment.extent_starts for segment in segments], rows),
            widest=_transposed([np.zeros((0, 2), np.float32), *(one.widest for one in segments)]),
            block_lengths=_transposed(
                [np.zeros((0, len(FIELDS)), np.int64), *(one.block_lengths for one in segments)]
            ),
            codes=np.array([_addresses(segment) for segment in segments], np.uint64).reshape(-1, 4),
        )

    def codes_of(self, model: str) -> Addresses:
        """Return `codes` with those left out that another model than that of this digest made."""
        if all(segment.model == model for segment in self.segments):
            return self.codes
        return np.where([[segment.model == model] for segment in self.segments], self.codes, np.uint64(0))

    def owners(self, rows: Integers) -> list[tuple[int, slice]]:
        """Return which of some ascending rows lie in each segment, for those that have any."""
        cuts = [0, *np.searchsorted(rows, self.rows[1:-1]).tolist(), len(rows)]
        return [
            (at, slice(first, last))
            for at, (first, last) in enumerate(pairwise(cuts[: len(self.segments) + 1]))
            if first < last
        ]

    def named(self, rows: Integers) -> list[tuple[str, int, int]]:
        """Return document, version and ordinal of ascending rows."""
        extents = np.searchsorted(self.extent_starts, rows, side="right") - 1
        owners = np.searchsorted(self.rows, rows, side="right") - 1
        found: list[tuple[str, int, int]] = []
        for row, extent, at in zip(rows.tolist(), extents.tolist(), owners.tolist(), strict=True):
            segment, place = self.segments[at], extent - int(self.extents[at])
            ordinal = int(segment.ordinals[row - int(self.rows[at])])
            found.append((segment.documents[place], int(segment.versions[place]), ordinal))
        return found


def _transposed(arrays: Sequence[npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
    return np.ascontiguousarray(np.concatenate(arrays).T)


def _addresses(segment: Segment) -> tuple[int, ...]:
    held = segment.codes
    if held is None:
        return 0, 0, 0, 0
    return tuple(array.ctypes.data for array in (held.codes, held.scale, held.lost, held.length))


def _firsts(sizes: Sequence[int]) -> Integers:
    found = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=found[1:])
    return found


def _joined(starts: Sequence[Integers], firsts: Integers) -> Integers:
    """Return starts of each, counted from its first; what closes one begins the next."""
    moved = [one[:-1] + first for one, first in zip(starts, firsts.tolist(), strict=False)]
    return np.concatenate([*moved, firsts[-1:]])
