"""Several segments made into one, without the texts: rows regrouped, postings of each block made anew.

Memory beyond the codes stays bounded: postings are merged for some blocks at a time, and exact vectors pass through
in blocks of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muniment.foundation.segments import Rows
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.codes import Codes
from muniment.knowledge.retrieval.scan import spread
from muniment.knowledge.retrieval.segment import EXACT, FIELDS, Arrays, Grouped, Integers, Segment

_ROWS_AT_ONCE = 1 << 15
_VECTORS_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a segment: extents, and the access class of each as of now."""

    segment: Segment
    extents: Integers
    classes: Integers


def merged(sources: Sequence[Kept], rank: Mapping[int, int]) -> tuple[Arrays, dict[str, Rows]]:
    """Return the contents of one segment with everything kept; `rank` orders the access classes.

    All sources have vectors of one model, or none has.
    """
    plan = _Plan(sources, rank)
    lengths = np.zeros((plan.rows, len(FIELDS)), np.uint16)
    ordinals = np.zeros(plan.rows, np.int32)
    for source, (old, new) in zip(sources, plan.moves, strict=True):
        lengths[new] = source.segment.lengths[old]
        ordinals[new] = source.segment.ordinals[old]
    arrays = segment.frame(
        documents=plan.documents,
        versions=plan.versions,
        extent_starts=plan.extent_starts,
        blocks=plan.blocks,
        classes=plan.classes,
        ordinals=ordinals,
        lengths=lengths,
        model=sources[0].segment.model,
    )
    arrays |= _postings(sources, plan, arrays["block_starts"])
    if sources[0].segment.codes is None:
        return arrays, {}
    codes = _codes(sources, plan)
    exact = Rows(plan.rows, codes.codes.shape[1], "<f4", _vectors(sources, plan))
    return {**arrays, **segment.code_arrays(codes)}, {EXACT: exact}


class _Plan:
    """Where every kept row goes."""

    def __init__(self, sources: Sequence[Kept], rank: Mapping[int, int]) -> None:
        every = [
            (rank.get(number, len(rank)), number, source.segment.documents[extent], at, extent)
            for at, source in enumerate(sources)
            for extent, number in zip(source.extents.tolist(), source.classes.tolist(), strict=True)
        ]
        every.sort()
        self.documents = [document for _, _, document, _, _ in every]
        self.source = np.array([at for *_, at, _ in every], np.int64)
        self.extent = np.array([extent for *_, extent in every], np.int64)
        self.starts = np.zeros(len(every), np.int64)
        """First row of each extent in its source."""
        sizes = np.zeros(len(every), np.int64)
        versions = np.zeros(len(every), np.int32)
        for at, source in enumerate(sources):
            mine = np.flatnonzero(self.source == at)
            extents = self.extent[mine]
            self.starts[mine] = source.segment.extent_starts[extents]
            sizes[mine] = np.diff(source.segment.extent_starts)[extents]
            versions[mine] = source.segment.versions[extents]
        self.sizes = sizes
        self.versions = versions
        self.extent_starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.rows = int(self.extent_starts[-1])
        self.blocks = segment.blocks([number for _, number, *_ in every], self.extent_starts.tolist())
        self.classes = [every[at][1] for at in self.blocks[:-1]]
        self.moves = [self._move(at) for at in range(len(sources))]
        """By source: the kept rows, and the row that each becomes."""

    def _move(self, at: int) -> tuple[Integers, Integers]:
        mine = np.flatnonzero(self.source == at)
        old = spread(self.starts[mine], self.sizes[mine])
        new = spread(self.extent_starts[mine], self.sizes[mine])
        order = np.argsort(old)
        return old[order], new[order]


def _codes(sources: Sequence[Kept], plan: _Plan) -> Codes:
    dimensions = max(source.segment.codes.codes.shape[1] for source in sources if source.segment.codes)
    made = Codes(
        np.zeros((plan.rows, dimensions), np.int8),
        np.zeros(plan.rows, np.float32),
        np.zeros(plan.rows, np.float32),
        np.zeros(plan.rows, np.float32),
    )
    for source, (old, new) in zip(sources, plan.moves, strict=True):
        held = source.segment.codes
        if held is None:
            raise ValueError("segments with and without vectors do not merge")
        made.codes[new] = held.codes[old]
        made.scale[new] = held.scale[old]
        made.lost[new] = held.lost[old]
        made.length[new] = held.length[old]
    return made


def _vectors(sources: Sequence[Kept], plan: _Plan) -> Iterator[npt.NDArray[np.float32]]:
    owner = np.zeros(plan.rows, np.int64)
    row = np.zeros(plan.rows, np.int64)
    for at, (old, new) in enumerate(plan.moves):
        owner[new], row[new] = at, old
    for start in range(0, plan.rows, _VECTORS_AT_ONCE):
        piece = slice(start, start + _VECTORS_AT_ONCE)
        found: npt.NDArray[np.float32] | None = None
        for at in np.unique(owner[piece]).tolist():
            mine = np.flatnonzero(owner[piece] == at)
            vectors = sources[at].segment.exact(row[piece][mine])
            if found is None:
                found = np.empty((len(owner[piece]), vectors.shape[1]), np.float32)
            found[mine] = vectors
        if found is not None:
            yield found


def _postings(sources: Sequence[Kept], plan: _Plan, block_starts: Integers) -> Arrays:
    moved = [np.full(source.segment.rows, -1, np.int64) for source in sources]
    for new_row, (old, new) in zip(moved, plan.moves, strict=True):
        new_row[old] = new
    return segment.posting_arrays(
        [_piece(sources, moved, block_starts[first : last + 1]) for first, last in _portions(block_starts)]
    )


def _portions(block_starts: Integers) -> Iterator[tuple[int, int]]:
    """Yield runs of blocks, first and behind the last, of about so many rows together."""
    first = 0
    last = len(block_starts) - 1
    while first < last:
        reach = int(np.searchsorted(block_starts, block_starts[first] + _ROWS_AT_ONCE, side="right")) - 1
        end = min(max(reach, first + 1), last)
        yield first, end
        first = end


def _piece(sources: Sequence[Kept], moved: Sequence[Integers], block_starts: Integers) -> Grouped:
    """Return the postings of the blocks that `block_starts` delimits."""
    low, high = int(block_starts[0]), int(block_starts[-1])
    keys: list[npt.NDArray[np.uint64]] = []
    rows: list[Integers] = []
    counts: list[npt.NDArray[np.uint8]] = []
    for source, new_row in zip(sources, moved, strict=True):
        held = source.segment
        inside = (new_row >= low) & (new_row < high)
        touched = np.flatnonzero(np.add.reduceat(inside, held.block_starts[:-1], dtype=np.int64))
        postings = held.postings
        words = spread(postings.key_starts[touched], np.diff(postings.key_starts)[touched])
        block = np.repeat(held.block_starts[touched], np.diff(postings.key_starts)[touched])
        sizes = np.diff(postings.starts)[words]
        at = spread(postings.starts[words], sizes)
        row = new_row[np.repeat(block, sizes) + postings.rows[at]]
        mine = (row >= low) & (row < high)
        keys.append(np.repeat(postings.keys[words], sizes)[mine])
        rows.append(row[mine])
        counts.append(postings.counts[at[mine]])
    return segment.grouped(np.concatenate(keys), np.concatenate(rows), np.concatenate(counts), block_starts)
