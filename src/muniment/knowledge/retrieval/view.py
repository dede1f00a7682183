"""What can be searched at one state of the library, and the part of it that one caller may read.

Invariants:
- a view never changes; a search works on one view from start to end;
- a selection holds rows of current versions in the given access classes and no other row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval.attributes import Attributes, Columns
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.scan import Runs
from muniment.knowledge.retrieval.segment import Integers, Segment

DEAD = -1
MIXED = -2
_NONE = np.zeros(0, np.int64)
_ZERO = np.zeros(1, np.int64)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, and which of its extents may be read by whom now."""

    segment: Segment
    extent_classes: Integers
    """Access class as of now; DEAD where another version, or none, is current."""
    block_classes: Integers
    """What all extents of a block have; MIXED where they differ."""
    columns: Columns
    """What filters ask, by extent."""
    torn: bool
    """Whether any block is MIXED."""

    @staticmethod
    def of(segment: Segment, extent_classes: Integers, columns: Columns) -> Part:
        """Return the part whose extents have these classes and attributes."""
        starts = segment.block_extents[:-1]
        if not len(starts):
            return Part(segment, extent_classes, _NONE, columns, False)
        low = np.minimum.reduceat(extent_classes, starts)
        high = np.maximum.reduceat(extent_classes, starts)
        one = low == high
        return Part(segment, extent_classes, np.where(one, low, MIXED), columns, not one.all())

    def without(self, rows: Sequence[int]) -> Part:
        """Return the part without the documents of these rows."""
        classes = self.extent_classes.copy()
        classes[np.searchsorted(self.segment.extent_starts, rows, side="right") - 1] = DEAD
        return Part.of(self.segment, classes, self.columns)

    def select(
        self, readable: Mask, base: int, admitted: Callable[[Columns], Mask] | None = None
    ) -> Selected:
        """Return the rows whose class is true in `readable` and whose document is admitted, if that is asked.

        The first of them has place `base`.
        """
        if admitted is not None:
            return self._chosen(
                np.flatnonzero(_true(readable, self.extent_classes) & admitted(self.columns)), base
            )
        segment = self.segment
        known = self.block_classes
        whole = np.flatnonzero(_true(readable, known))
        torn = np.flatnonzero(known == MIXED)
        starts, ends = segment.block_starts[whole], segment.block_starts[whole + 1]
        blocks = whole
        if len(torn):
            extents = self._torn(torn, readable)
            starts = np.concatenate([starts, segment.extent_starts[extents]])
            ends = np.concatenate([ends, segment.extent_starts[extents + 1]])
            owner = np.searchsorted(segment.block_extents, extents, side="right") - 1
            blocks = np.concatenate([whole, owner])
            order = np.argsort(starts, kind="stable")
            starts, ends, blocks = starts[order], ends[order], blocks[order]
        sizes = ends - starts
        places = base + np.cumsum(sizes) - sizes
        whole_blocks = not len(torn)
        return Selected(self, Runs(starts, ends), blocks, places, base + int(sizes.sum()), whole_blocks)

    def _chosen(self, extents: Integers, base: int) -> Selected:
        segment = self.segment
        starts, ends = segment.extent_starts[extents], segment.extent_starts[extents + 1]
        blocks = np.searchsorted(segment.block_extents, extents, side="right") - 1
        sizes = ends - starts
        places = base + np.cumsum(sizes) - sizes
        return Selected(self, Runs(starts, ends), blocks, places, base + int(sizes.sum()))

    def _torn(self, blocks: Integers, readable: Mask) -> Integers:
        segment = self.segment
        inside = Runs(segment.block_extents[blocks], segment.block_extents[blocks + 1]).rows()
        return inside[_true(readable, self.extent_classes[inside])]


def _true(readable: Mask, classes: Integers) -> Mask:
    """Return which classes are true; DEAD, MIXED and unknown ones are not."""
    # Two more places, which are false, stand for DEAD and MIXED, counted from the end, and for what is beyond it.
    padded = np.zeros(len(readable) + 2, np.bool_)
    padded[:-2] = readable
    return padded.take(np.minimum(classes, len(readable)), mode="wrap")


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows of one part that a caller may read; a place numbers the rows of all parts one after the other."""

    part: Part
    runs: Runs
    blocks: Integers
    """Block of each run; several runs of one block follow each other."""
    places: Integers
    """Place of the first row of each run."""
    end: int
    """Place behind the last row."""
    whole: bool = False
    """Whether each run is a whole block."""

    def pieces(self, rows: int) -> list[slice]:
        """Return the runs in portions of about so many rows, each of whole blocks."""
        if not len(self.places):
            return []
        edges = np.searchsorted(self.places, np.arange(self.places[0] + rows, self.end, rows))
        cuts = [0]
        for edge in edges.tolist():
            while edge < len(self.blocks) and self.blocks[edge] == self.blocks[edge - 1]:
                edge += 1
            if cuts[-1] < edge < len(self.blocks):
                cuts.append(edge)
        return [slice(first, last) for first, last in zip(cuts, [*cuts[1:], len(self.blocks)], strict=True)]


@dataclass(frozen=True, slots=True)
class Selection:
    """Every row that a caller may read."""

    parts: tuple[Selected, ...]

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return self.parts[-1].end if self.parts else 0

    def spans(self) -> list[tuple[Selected, slice]]:
        """Return each part with the places of its rows."""
        spans: list[tuple[Selected, slice]] = []
        start = 0
        for part in self.parts:
            spans.append((part, slice(start, part.end)))
            start = part.end
        return spans

    def rows(self, places: Integers) -> list[tuple[Selected, slice, Integers]]:
        """Return, by part, which of the ascending `places` lie in it (as positions) and the rows that they are."""
        found: list[tuple[Selected, slice, Integers]] = []
        inner = [part.end for part in self.parts[:-1]]
        cuts = [0, *(np.searchsorted(places, inner).tolist() if inner else ()), len(places)]
        for part, first, last in zip(self.parts, cuts, cuts[1:], strict=False):
            if first < last:
                mine = places[first:last]
                run = part.places.searchsorted(mine, side="right") - 1
                found.append((part, slice(first, last), part.runs.starts[run] + mine - part.places[run]))
        return found


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Access class, first row and row behind the last of each block, in its part; `firsts` says where parts begin."""

    classes: Integers
    starts: Integers
    ends: Integers
    firsts: Integers


@dataclass(frozen=True)
class View:
    """Everything that can be searched, at one state of content and access."""

    content: int
    access: int
    parts: tuple[Part, ...]
    attributes: Attributes
    lost: tuple[int, ...] = ()
    """Access classes of the live documents whose rows no part holds, since their segment is damaged."""

    @property
    def epoch(self) -> int:
        """Return the number of changes behind this state."""
        return self.content + self.access

    def select(self, readable: Mask, filters: Filters = EVERYTHING) -> Selection:
        """Return the rows of documents whose access class, as a place in `readable`, is true there.

        Of these, only those that the filters admit; sensitivity is left to `readable`.
        """
        selected: list[Selected] = []
        base = 0
        if filters:
            admitted = self.attributes.admitting(filters)
            for part in self.parts:
                selected.append(part.select(readable, base, admitted))
                base = selected[-1].end
            return Selection(tuple(selected))
        every = self._blocks
        blocks = np.flatnonzero(_true(readable, every.classes))
        starts, ends = every.starts[blocks], every.ends[blocks]
        reached = np.concatenate([_ZERO, np.cumsum(ends - starts)])
        cuts = np.searchsorted(blocks, every.firsts).tolist()
        for part, offset, low, high in zip(self.parts, every.firsts.tolist(), cuts, cuts[1:], strict=False):
            if part.torn:
                selected.append(part.select(readable, base))
            else:
                mine, places = slice(low, high), reached[low : high + 1] + (base - reached[low])
                runs = Runs(starts[mine], ends[mine])
                selected.append(
                    Selected(part, runs, blocks[mine] - offset, places[:-1], int(places[-1]), True)
                )
            base = selected[-1].end
        return Selection(tuple(selected))

    @cached_property
    def _blocks(self) -> _Blocks:
        """The blocks of all parts, one part's after the other's: many small arrays cost more than one large."""
        counts = [len(part.block_classes) for part in self.parts]
        edges = [part.segment.block_starts for part in self.parts]
        return _Blocks(
            np.concatenate([_ZERO[:0], *(part.block_classes for part in self.parts)]),
            np.concatenate([_ZERO[:0], *(one[:-1] for one in edges)]),
            np.concatenate([_ZERO[:0], *(one[1:] for one in edges)]),
            np.concatenate([_ZERO, np.cumsum(counts, dtype=np.int64)]),
        )

    def lacks(self, readable: Mask) -> bool:
        """Return whether a document is lost whose access class, as a place in `readable`, is true there."""
        return any(number < len(readable) and bool(readable[number]) for number in self.lost)

    def without(self, segment: str, rows: Sequence[int]) -> View:
        """Return the view without the documents of these rows of a segment."""
        parts = [part.without(rows) if part.segment.file.name == segment else part for part in self.parts]
        return replace(self, parts=tuple(parts))
