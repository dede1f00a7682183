"""The segments of the live versions, decrypted and merged in memory, as of one state of the database.

Invariants:
- a view never changes; a search works on one view from start to end;
- a view belongs to exact revisions of content and access: a reader whose snapshot is another gets another;
- rows stand in order of document id and chunk ordinal, so ties break the same way everywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from muniment.foundation.errors import NotSetUp
from muniment.foundation.revisions import Revisions
from muniment.foundation.segments import Segments
from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow, SegmentRow
from muniment.knowledge.retrieval import segment, wording
from muniment.knowledge.retrieval.segment import FIELDS, Segment

_NO_ROWS = np.zeros(0, np.int64)
_NO_COUNTS = np.zeros((0, len(FIELDS)), np.uint16)


@dataclass(frozen=True, slots=True)
class View:
    """Everything that can be searched, at one state of content and access."""

    content: int
    access: int
    documents: tuple[DocumentRow, ...]
    document_class: npt.NDArray[np.int64]
    """Access class by document."""
    row_document: npt.NDArray[np.int64]
    """Position in `documents`, by row."""
    ordinals: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    """Shape (rows, dimensions); zero where the row has no vector of this model; (rows, 0) if none has."""
    has_vector: npt.NDArray[np.bool_]
    lengths: npt.NDArray[np.int32]
    term_ids: dict[str, int] = field(repr=False)
    starts: npt.NDArray[np.int64]
    posting_rows: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint16]

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return len(self.row_document)

    def posting(self, term: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
        """Return the ascending rows that hold `term`, and its counts by field."""
        at = self.term_ids.get(term)
        if at is None:
            return _NO_ROWS, _NO_COUNTS
        piece = slice(self.starts[at], self.starts[at + 1])
        return self.posting_rows[piece], self.counts[piece]

    def readable(self, classes: frozenset[int]) -> npt.NDArray[np.bool_]:
        """Return which rows belong to documents of these access classes."""
        wanted = np.fromiter(classes, np.int64, len(classes))
        return np.isin(self.document_class, wanted)[self.row_document]


class Index:
    """Keeps one view and the segments behind it; safe to share between threads."""

    def __init__(self, segments: Segments, model: str) -> None:
        self._segments = segments
        self._model = model
        self._lock = threading.Lock()
        self._loaded: dict[str, Segment] = {}
        self._view: View | None = None

    def refresh(self, connection: sa.Connection, revisions: Revisions) -> View:
        """Return the view of this connection's snapshot; raises Tampered for an altered segment."""
        view = self._view
        if view is not None and _is_at(view, revisions):
            return view
        with self._lock:
            view = self._view
            if view is not None and _is_at(view, revisions):
                return view
            fresh = self._build(connection, revisions, view)
            if view is None or (fresh.content, fresh.access) >= (view.content, view.access):
                self._view = fresh
            return fresh

    def _build(self, connection: sa.Connection, revisions: Revisions, last: View | None) -> View:
        documents = tuple(library.documents(connection))
        if last is not None and last.content == revisions.content:
            classes = _classes(documents)
            return replace(last, access=revisions.access, documents=documents, document_class=classes)
        manifest = library.segments(connection)
        segments = [self._load(row) for row in manifest]
        self._loaded = {row.name: part for row, part in zip(manifest, segments, strict=True)}
        return merged(segments, documents, self._model, revisions)

    def _load(self, row: SegmentRow) -> Segment:
        known = self._loaded.get(row.name)
        if known is not None:
            return known
        part = segment.load(self._segments.read(row.name, segment.KIND, row.digest))
        if part.wording != wording.VERSION:
            raise NotSetUp(
                f"Index segment {row.name} was made with other word rules ({part.wording}).",
                fix="Ingest the sources again.",
            )
        return part


def _classes(documents: Sequence[DocumentRow]) -> npt.NDArray[np.int64]:
    return np.array([document.access_class for document in documents], np.int64)


def _is_at(view: View, revisions: Revisions) -> bool:
    return view.content == revisions.content and view.access == revisions.access


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the rows of a merged view come from."""

    part: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    ordinal: npt.NDArray[np.int64]


def merged(
    segments: Sequence[Segment], documents: tuple[DocumentRow, ...], model: str, revisions: Revisions
) -> View:
    """Return the view of what is live among `segments`, with the vectors of one model."""
    place = _live_rows(segments, documents, model)
    new_rows = [np.full(len(part.ordinals), -1, np.int64) for part in segments]
    for at in range(len(segments)):
        mine = np.flatnonzero(place.part == at)
        new_rows[at][place.row[mine]] = mine
    lengths = np.zeros((len(place.row), len(FIELDS)), np.int32)
    with_vectors = [bool(model) and part.model == model and len(part.vectors) > 0 for part in segments]
    width = max(
        (part.vectors.shape[1] for part, has in zip(segments, with_vectors, strict=True) if has), default=0
    )
    vectors = np.zeros((len(place.row), width), np.float32)
    has_vector = np.zeros(len(place.row), np.bool_)
    for part, target, has in zip(segments, new_rows, with_vectors, strict=True):
        kept = target >= 0
        lengths[target[kept]] = part.lengths[kept]
        if has:
            vectors[target[kept]] = part.vectors[kept]
            has_vector[target[kept]] = True
    term_ids, starts, posting_rows, counts = _merge_postings(segments, new_rows)
    return View(
        content=revisions.content,
        access=revisions.access,
        documents=documents,
        document_class=_classes(documents),
        row_document=place.document,
        ordinals=place.ordinal,
        vectors=vectors,
        has_vector=has_vector,
        lengths=lengths,
        term_ids=term_ids,
        starts=starts,
        posting_rows=posting_rows,
        counts=counts,
    )


def _live_rows(segments: Sequence[Segment], documents: Sequence[DocumentRow], model: str) -> _Place:
    """Return the rows of current versions, once each, in order; one with a vector is preferred."""
    position = {document.id: at for at, document in enumerate(documents)}
    version = np.array([document.version for document in documents], np.int64)
    columns: list[npt.NDArray[np.int64]] = []
    for at, part in enumerate(segments):
        known = np.array([position.get(document, -1) for document in part.documents], np.int64)
        document = known[part.row_document] if len(known) else _NO_ROWS
        live = np.flatnonzero(document >= 0)
        live = live[version[document[live]] == part.versions[live]]
        bare = np.full(len(live), 0 if model and part.model == model else 1, np.int64)
        columns.append(
            np.stack(
                [document[live], part.ordinals[live].astype(np.int64), bare, np.full(len(live), at), live]
            )
        )
    if not columns:
        return _Place(_NO_ROWS, _NO_ROWS, _NO_ROWS, _NO_ROWS)
    document, ordinal, bare, part_of, row = np.concatenate(columns, axis=1)
    order = np.lexsort((row, part_of, bare, ordinal, document))
    first = np.ones(len(order), np.bool_)
    same = (document[order][1:] == document[order][:-1]) & (ordinal[order][1:] == ordinal[order][:-1])
    first[1:] = ~same
    kept = order[first]
    return _Place(part_of[kept], row[kept], document[kept], ordinal[kept])


def _merge_postings(
    segments: Sequence[Segment], new_rows: Sequence[npt.NDArray[np.int64]]
) -> tuple[dict[str, int], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
    term_ids: dict[str, int] = {}
    ids: list[npt.NDArray[np.int64]] = [_NO_ROWS]
    rows: list[npt.NDArray[np.int64]] = [_NO_ROWS]
    counts: list[npt.NDArray[np.uint16]] = [_NO_COUNTS]
    for part, target in zip(segments, new_rows, strict=True):
        own = np.array([term_ids.setdefault(term, len(term_ids)) for term in part.terms], np.int64)
        row = target[part.posting_rows]
        kept = row >= 0
        ids.append(np.repeat(own, np.diff(part.starts))[kept])
        rows.append(row[kept])
        counts.append(part.counts[kept])
    all_ids, all_rows, all_counts = np.concatenate(ids), np.concatenate(rows), np.concatenate(counts)
    order = np.lexsort((all_rows, all_ids))
    starts = np.searchsorted(all_ids[order], np.arange(len(term_ids) + 1))
    return term_ids, starts.astype(np.int64), all_rows[order], all_counts[order]
