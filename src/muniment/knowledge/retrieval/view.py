"""What can be searched at one state of the library, and the part of it that one caller may read.

Invariants:
- a view never changes; a search works on one view from start to end;
- a selection holds rows of current versions in the given access classes and no other row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval import compiled
from muniment.knowledge.retrieval.attributes import Attributes, Columns
from muniment.knowledge.retrieval.earlier import Earlier
from muniment.knowledge.retrieval.filters import EVERYTHING, Filters
from muniment.knowledge.retrieval.layout import Layout
from muniment.knowledge.retrieval.loops import MIXED
from muniment.knowledge.retrieval.scan import Runs
from muniment.knowledge.retrieval.segment import Integers, Segment

DEAD = -1
_NONE = np.zeros(0, np.int64)
Mask = npt.NDArray[np.bool_]
_NOBODY = np.zeros(0, np.bool_)


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

    def at(self, earlier: Earlier) -> Part:
        """Return the part with these documents at these versions, and at no other."""
        places = self.segment.positions
        mine = [(places[name], name) for name in earlier.versions if name in places]
        if not mine:
            return self
        classes = self.extent_classes.copy()
        for at, name in mine:
            held = self.segment.versions[at] == earlier.versions[name]
            classes[at] = earlier.classes[name] if held else DEAD
        return Part.of(self.segment, classes, self.columns)

    def without(self, rows: Sequence[int]) -> Part:
        """Return the part without the documents of these rows."""
        classes = self.extent_classes.copy()
        classes[np.searchsorted(self.segment.extent_starts, rows, side="right") - 1] = DEAD
        return Part.of(self.segment, classes, self.columns)


@dataclass(frozen=True, slots=True)
class Selected:
    """The rows of one segment that a caller may read, rows and blocks counted within the segment."""

    segment: Segment
    runs: Runs
    blocks: Integers
    """Block of each run; several runs of one block follow each other."""
    places: Integers
    """Place of the first row of each run, among the places of the selection."""
    span: slice
    """The places of all its rows."""


@dataclass(frozen=True)
class Selection:
    """Every row that a caller may read, in ascending runs; a place numbers these rows one after the other."""

    layout: Layout
    runs: Runs
    blocks: Integers
    """Block of each run; several runs of one block follow each other."""
    places: Integers
    """Place of the first row of each run."""
    size: int
    """The number of rows."""
    whole: bool
    """Whether each run is a whole block."""

    @cached_property
    def cuts(self) -> list[int]:
        """The first run of each segment; one more closes the last."""
        return np.searchsorted(self.blocks, self.layout.blocks).tolist()

    @cached_property
    def edges(self) -> list[int]:
        """The first place of each segment; one more closes the last."""
        return [int(self.places[run]) if run < len(self.places) else self.size for run in self.cuts]

    @cached_property
    def parts(self) -> tuple[Selected, ...]:
        """What there is of each segment."""
        layout = self.layout
        made: list[Selected] = []
        for at, segment in enumerate(layout.segments):
            mine, first = slice(self.cuts[at], self.cuts[at + 1]), layout.rows[at]
            runs = Runs(self.runs.starts[mine] - first, self.runs.ends[mine] - first)
            span = slice(self.edges[at], self.edges[at + 1])
            made.append(
                Selected(segment, runs, self.blocks[mine] - layout.blocks[at], self.places[mine], span)
            )
        return tuple(made)

    def rows(self, places: Integers) -> Integers:
        """Return the rows at ascending `places`, as the layout counts them."""
        run = self.places.searchsorted(places, side="right") - 1
        return self.runs.starts[run] + places - self.places[run]

    def place(self, row: int) -> int:
        """Return the place of a row, as the layout counts it; -1 where it may not be read."""
        run = int(self.runs.starts.searchsorted(row, side="right")) - 1
        if run < 0 or row >= self.runs.ends[run]:
            return -1
        return int(self.places[run] + row - self.runs.starts[run])

    def pieces(self, rows: int) -> list[tuple[int, int, int]]:
        """Return portions of about so many rows each of whole blocks: segment, first run, and run behind the last."""
        made: list[tuple[int, int, int]] = []
        blocks = self.blocks
        for at, (first, last) in enumerate(pairwise(self.cuts)):
            if first == last:
                continue
            start, end = self.edges[at], self.edges[at + 1]
            if end - start <= rows:
                made.append((at, first, last))
                continue
            inner = np.searchsorted(self.places[first:last], np.arange(start + rows, end, rows)) + first
            for cut in inner.tolist():
                while cut < last and blocks[cut] == blocks[cut - 1]:
                    cut += 1
                if first < cut < last:
                    made.append((at, first, cut))
                    first = cut
            made.append((at, first, last))
        return made


@dataclass(frozen=True)
class View:
    """Everything that can be searched, at one state of content and access."""

    content: int
    access: int
    parts: tuple[Part, ...]
    attributes: Attributes
    layout: Layout
    """Of the segments of the parts."""
    lost: tuple[int, ...] = ()
    """Access classes of the live documents whose rows no part holds, since their segment is damaged."""

    @staticmethod
    def of(
        content: int,
        access: int,
        parts: Sequence[Part],
        attributes: Attributes,
        lost: tuple[int, ...] = (),
        before: View | None = None,
    ) -> View:
        """Return the view of these parts; one of the same segments `before` it lends how they lie."""
        segments = [part.segment for part in parts]
        same = before is not None and list(map(id, before.layout.segments)) == list(map(id, segments))
        layout = before.layout if before is not None and same else Layout.of(segments)
        return View(content, access, tuple(parts), attributes, layout, lost)

    @property
    def epoch(self) -> int:
        """Return the number of changes behind this state."""
        return self.content + self.access

    @property
    def rows(self) -> int:
        """Return how many rows the segments have, those of earlier versions included."""
        return int(self.layout.rows[-1])

    def select(self, readable: Mask, filters: Filters = EVERYTHING) -> Selection:
        """Return the rows of documents whose access class, as a place in `readable`, is true there.

        Of these, only those that the filters admit; sensitivity is left to `readable`.
        """
        layout = self.layout
        if filters:
            return self._admitted(readable, filters)
        torn = self._torn
        loops = compiled.ready()
        if loops is not None:
            classes, extents = self._small_classes
            starts, ends, blocks, places = np.empty((4, max(len(classes), len(extents))), np.int64)
            told = np.zeros(2, np.int64)
            loops.select(
                *(readable, classes, layout.block_starts, layout.block_extents, extents),
                *(layout.extent_starts, starts, ends, blocks, places, told),
            )
            runs, size = told.tolist()
            return Selection(
                layout, Runs(starts[:runs], ends[:runs]), blocks[:runs], places[:runs], size, not torn
            )
        blocks = np.flatnonzero(_true(readable, self._block_classes))
        if not torn:
            return self._selected(layout.block_starts[blocks], layout.block_starts[blocks + 1], blocks, True)
        mixed = np.flatnonzero(self._block_classes == MIXED)
        inside = Runs(layout.block_extents[mixed], layout.block_extents[mixed + 1]).rows()
        extents = inside[_true(readable, self._extent_classes[inside])]
        starts = np.concatenate([layout.block_starts[blocks], layout.extent_starts[extents]])
        ends = np.concatenate([layout.block_starts[blocks + 1], layout.extent_starts[extents + 1]])
        blocks = np.concatenate([blocks, self._blocks_of(extents)])
        order = np.argsort(starts, kind="stable")
        return self._selected(starts[order], ends[order], blocks[order], False)

    def lacks(self, readable: Mask) -> bool:
        """Return whether a document is lost whose access class, as a place in `readable`, is true there."""
        return any(number < len(readable) and bool(readable[number]) for number in self.lost)

    def at(self, earlier: Earlier) -> View:
        """Return the view with these documents at their earlier versions, as far as a segment holds them."""
        return replace(self, parts=tuple(part.at(earlier) for part in self.parts))

    def lacking(self, earlier: Earlier, readable: Mask) -> tuple[str, ...]:
        """Return which of these documents no segment holds at its version, of those that may be read."""
        held = {
            (name, int(part.segment.versions[part.segment.positions[name]]))
            for part in self.parts
            for name in earlier.versions
            if name in part.segment.positions
        }
        return tuple(
            name
            for name, version in sorted(earlier.versions.items())
            if version and (name, version) not in held and _may(readable, earlier.classes[name])
        )

    def without(self, segment: str, rows: Sequence[int]) -> View:
        """Return the view without the documents of these rows of a segment."""
        parts = [part.without(rows) if part.segment.file.name == segment else part for part in self.parts]
        return replace(self, parts=tuple(parts))

    def _admitted(self, readable: Mask, filters: Filters) -> Selection:
        admitted = self.attributes.admitting(filters)
        wanted = np.concatenate([_NOBODY, *(admitted(part.columns) for part in self.parts)])
        extents = np.flatnonzero(_true(readable, self._extent_classes) & wanted)
        starts = self.layout.extent_starts
        return self._selected(starts[extents], starts[extents + 1], self._blocks_of(extents), False)

    def _selected(self, starts: Integers, ends: Integers, blocks: Integers, whole: bool) -> Selection:
        sizes = ends - starts
        reached = np.cumsum(sizes)
        size = int(reached[-1]) if len(reached) else 0
        return Selection(self.layout, Runs(starts, ends), blocks, reached - sizes, size, whole)

    def _blocks_of(self, extents: Integers) -> Integers:
        return np.searchsorted(self.layout.block_extents, extents, side="right") - 1

    @cached_property
    def _torn(self) -> bool:
        return any(part.torn for part in self.parts)

    @cached_property
    def _small_classes(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The classes of blocks, and those of extents where any block is mixed, in half the memory."""
        extents = self._extent_classes if self._torn else _NONE
        return self._block_classes.astype(np.int32), extents.astype(np.int32)

    @cached_property
    def _block_classes(self) -> Integers:
        return np.concatenate([_NONE, *(part.block_classes for part in self.parts)])

    @cached_property
    def _extent_classes(self) -> Integers:
        return np.concatenate([_NONE, *(part.extent_classes for part in self.parts)])


def _may(readable: Mask, number: int) -> bool:
    return 0 <= number < len(readable) and bool(readable[number])


def _true(readable: Mask, classes: Integers) -> Mask:
    """Return which classes are true; DEAD, MIXED and unknown ones are not."""
    # Two more places, which are false, stand for DEAD and MIXED, counted from the end, and for what is beyond it.
    padded = np.zeros(len(readable) + 2, np.bool_)
    padded[:-2] = readable
    return padded.take(np.minimum(classes, len(readable)), mode="wrap")
