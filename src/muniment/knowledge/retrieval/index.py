"""The segments of the live versions in memory, brought up to the state that a reader sees.

Invariants:
- a view belongs to exact revisions of content and access: a reader whose snapshot is another gets another;
- a view is made from an earlier one by reading what changed since: each change to a document carries an epoch;
- a damaged segment takes no part, and the view says which access classes lost documents with it: a search that goes
  on gives what it would give if those documents had never been, and only those who may read one are told. Refusing
  everybody would let one bit stop a company, and tell everybody of files that are not theirs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import sqlalchemy as sa

from muniment.foundation.errors import NotSetUp, Tampered
from muniment.foundation.revisions import Revisions
from muniment.foundation.segments import Segments
from muniment.inference.embedding import cores
from muniment.knowledge import library
from muniment.knowledge.library import Change, SegmentRow
from muniment.knowledge.measured import REVOCATION_LAG
from muniment.knowledge.retrieval import segment, wording
from muniment.knowledge.retrieval.attributes import Attributes
from muniment.knowledge.retrieval.segment import Segment
from muniment.knowledge.retrieval.view import DEAD, Part, View

_KEPT = 4
"""Views kept for readers whose snapshot is a little older than the newest."""

_LOG = logging.getLogger("muniment.index")


class Index:
    """Keeps views and the segments behind them; safe to share between threads."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._lock = threading.Lock()
        self._attributes = Attributes()
        self._empty = View.of(-1, 0, (), self._attributes)
        self._views: Mapping[tuple[int, int], View] = {}
        self._damaged: dict[str, tuple[int, ...] | None] = {}
        """Segments that were found damaged, with the stamp of the file at that time."""
        self._unfit: dict[str, tuple[int, ...] | None] = {}
        """Those of them that did not load."""

    def refresh(self, connection: sa.Connection, revisions: Revisions) -> View:
        """Return the view of this connection's snapshot; raises NotSetUp for a segment of other word rules."""
        at = (revisions.content, revisions.access)
        view = self._views.get(at)
        if view is not None:
            return view
        began = time.perf_counter()
        with self._lock:
            view = self._views.get(at)
            if view is None:
                knew = max((access for _, access in self._views), default=-1)
                view = self._next(connection, revisions)
                if 0 <= knew < revisions.access:
                    REVOCATION_LAG.observe(time.perf_counter() - began)
                newest = sorted([*self._views, at], key=lambda one: (sum(one), one))[-_KEPT:]
                self._views = {one: view if one == at else self._views[one] for one in newest}
            return view

    def _next(self, connection: sa.Connection, revisions: Revisions) -> View:
        epoch = revisions.content + revisions.access
        earlier = (view for view in self._views.values() if view.epoch <= epoch)
        last = max(earlier, key=lambda view: view.epoch, default=self._empty)
        changes = library.changes_since(connection, last.epoch)
        mine = {part.segment.file.name: part for part in last.parts}
        manifest = library.segments(connection)
        loaded = self._segments_of([row for row in manifest if row.name not in mine])
        parts: list[Part] = []
        for row in manifest:
            if row.name in mine:
                parts.append(self._changed(mine[row.name], changes))
            elif (made := loaded[row.name]) is not None:
                parts.append(self._new(connection, made, changes))
        lost = () if len(parts) == len(manifest) else _lost(connection, parts)
        return View.of(revisions.content, revisions.access, parts, self._attributes, lost, last)

    @property
    def saw_damage(self) -> bool:
        """Whether any segment was found damaged."""
        return bool(self._damaged)

    def damaged(self, name: str, why: Tampered) -> None:
        """Tell the operator once, and leave word for upkeep, that this segment is damaged."""
        stamp = self._segments.stamp(name)
        if name not in self._damaged or self._damaged[name] != stamp:
            self._damaged[name] = stamp
            self._segments.doubt(name)
            _LOG.error("%s", why)

    def _segments_of(self, rows: Sequence[SegmentRow]) -> dict[str, Segment | None]:
        """Return the segments of these rows; several are read side by side, so that disk and cipher do not wait."""
        if len(rows) < 2:
            return {row.name: self._segment(row) for row in rows}
        with ThreadPoolExecutor(cores(), "load") as threads:
            names = [row.name for row in rows]
            return dict(zip(names, threads.map(self._segment, rows), strict=True))

    def _segment(self, row: SegmentRow) -> Segment | None:
        """Return a segment of the manifest, or None for a damaged one."""
        for view in self._views.values():
            for part in view.parts:
                if part.segment.file.name == row.name:
                    return part.segment
        if row.name in self._unfit and self._unfit[row.name] == self._segments.stamp(row.name):
            return None
        try:
            made = segment.load(self._segments.open(row.name, segment.KIND, row.digest))
        except Tampered as error:
            self._unfit[row.name] = self._segments.stamp(row.name)
            self.damaged(row.name, error)
            return None
        if made.wording != wording.VERSION:
            raise NotSetUp(
                f"Index segment {row.name} was made with other word rules ({made.wording}).",
                fix="Run `muniment index repair`.",
            )
        return made

    def _new(self, connection: sa.Connection, made: Segment, changes: Mapping[str, Change]) -> Part:
        """Return the part of a segment that the last view did not have."""
        others = [document for document in made.documents if document not in changes]
        known = {**changes, **library.changes_of(connection, others)}
        states = [known.get(document) for document in made.documents]
        classes = [_class(state, version) for state, version in zip(states, made.versions, strict=True)]
        return Part.of(made, np.array(classes, np.int64), self._attributes.columns(states))

    def _changed(self, part: Part, changes: Mapping[str, Change]) -> Part:
        """Return the part as it stands after `changes`."""
        places = part.segment.positions
        found = {places[one]: change for one, change in changes.items() if one in places}
        if not found:
            return part
        classes = part.extent_classes.copy()
        for at, change in found.items():
            classes[at] = _class(change, part.segment.versions[at])
        columns = part.columns.replaced(list(found), self._attributes.columns(list(found.values())))
        return Part.of(part.segment, classes, columns)


def _lost(connection: sa.Connection, parts: Sequence[Part]) -> tuple[int, ...]:
    """Return the access classes of the live documents that have chunks and no row in any part."""
    held = {
        (name, version)
        for part in parts
        for name, version in zip(part.segment.documents, part.segment.versions.tolist(), strict=True)
    }
    lost = {
        change.access_class
        for name, change in library.with_chunks(connection).items()
        if (name, change.version) not in held
    }
    return tuple(sorted(lost))


def _class(change: Change | None, version: int) -> int:
    """Return the access class of a version as of now, DEAD where it is not current."""
    return change.access_class if change is not None and change.version == version else DEAD
