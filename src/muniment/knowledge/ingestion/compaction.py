"""Keeps the number of index segments small: several of about one size become one.

Each row is written again once or twice per eightfold growth of the index. Rows come to lie by who may read them:
classes whose lists begin with the same widespread entries stand together, so that a reader's rows form long runs.

What is being built beside the index in use is merged by itself, and no reader is told.

A segment that cannot be read, or was made with other word rules, is left for `Reindex` to make again.

Invariant: the new segment is synced before one transaction exchanges it for the old ones, whose files stay for
readers of the older manifest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import Tampered
from muniment.foundation.segments import DamagedRows
from muniment.governance.audit.entry import Actor, Entry
from muniment.knowledge import changes, index_model, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.library import SegmentRow
from muniment.knowledge.retrieval import merge, segment, wording
from muniment.knowledge.retrieval.merge import Kept
from muniment.knowledge.retrieval.segment import Segment

FAN_IN = 4
"""Segments of one size that are made into one."""
LARGEST = 1 << 18
"""Rows of a segment that is not made larger."""
_TIER_BITS = 3


class Compaction:
    """Merges the segments of one workspace; only while nobody else writes segments."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._left: set[str] = set()

    def run(self, by: Actor) -> int:
        """Merge until no size has too many segments; return how many went in. Raises Unavailable on a full disk."""
        done = 0
        while group := self._group():
            loaded = [part for row in group if (part := self._load(row)) is not None]
            if len(loaded) < len(group):
                continue
            try:
                self._merge(group, loaded, by)
            except DamagedRows as error:
                self._leave(error.segment)
            else:
                done += len(group)
        return done

    def rewrite(self, row: SegmentRow, by: Actor) -> bool:
        """Write a segment anew with what is current of it; return whether it could be read."""
        made = self._load(row)
        if made is None:
            return False
        try:
            self._merge([row], [made], by)
        except DamagedRows as error:
            self._leave(error.segment)
            return False
        return True

    def _group(self) -> list[SegmentRow]:
        """Return segments that should be one, or none."""
        with self._parts.database.read() as connection:
            manifest = library.every_segment(connection)
        tiers: defaultdict[tuple[int, str, int], list[SegmentRow]] = defaultdict(list)
        for row in manifest:
            if row.rows <= LARGEST // 2 and row.name not in self._left:
                tiers[row.generation, row.model, row.rows.bit_length() // _TIER_BITS].append(row)
        for _, rows in sorted(tiers.items()):
            taken: list[SegmentRow] = []
            for row in sorted(rows, key=lambda one: (one.rows, one.name)):
                if sum(one.rows for one in taken) + row.rows <= LARGEST:
                    taken.append(row)
            if len(taken) >= FAN_IN:
                return taken
        return []

    def _load(self, row: SegmentRow) -> Segment | None:
        """Return a segment; None, and leave it alone from now on, where it is not fit to be merged."""
        try:
            made = segment.load(self._parts.segments.open(row.name, segment.KIND, row.digest))
        except Tampered:
            self._leave(row.name)
            return None
        if made.wording == wording.VERSION:
            return made
        self._left.add(row.name)
        return None

    def _leave(self, name: str) -> None:
        """Leave a damaged segment to `Reindex`."""
        self._left.add(name)
        self._parts.segments.doubt(name)

    def _merge(self, group: Sequence[SegmentRow], loaded: Sequence[Segment], by: Actor) -> None:
        parts = self._parts
        with parts.database.read() as connection:
            now = library.changes_of(connection, sorted({one for part in loaded for one in part.documents}))
            lists = library.access_classes(connection)
        kept: list[Kept] = []
        for part in loaded:
            live = [
                (at, now[name].access_class)
                for at, (name, version) in enumerate(zip(part.documents, part.versions.tolist(), strict=True))
                if name in now and now[name].version == version
            ]
            if live:
                extents, classes = np.array(live, np.int64).T
                kept.append(Kept(part, extents, classes))
        made: SegmentRow | None = None
        if kept:
            arrays, by_row = merge.merged(kept, ranked(lists))
            name = parts.ids.new("seg")
            digest = parts.segments.write(name, segment.KIND, arrays, by_row)
            made = SegmentRow(name, digest, len(arrays["ordinals"]), group[0].model, group[0].generation)
        with parts.database.write() as connection:
            changes.drop_segments(connection, [row.name for row in group])
            if made is not None:
                changes.add_segment(connection, made, timestamp(parts.clock.now()))
            if group[0].generation == index_model.live_generation(connection):
                changes.mark_reindexed(connection)
            about = {"segments": [row.name for row in group], "replacements": [made.name] if made else []}
            parts.audit.append(connection, [Entry("index.segment_exchanged", by, about)])


def ranked(lists: Mapping[int, AccessList]) -> dict[int, int]:
    """Return an order of access classes in which those that share widespread entries stand together."""
    often = Counter(entry for access in lists.values() for entry in access.allow)

    def place(number: int) -> tuple[list[tuple[int, str]], int]:
        return sorted((-often[entry], entry) for entry in lists[number].allow), number

    return {number: at for at, number in enumerate(sorted(lists, key=place))}
