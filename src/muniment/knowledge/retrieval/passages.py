"""From ranked rows to passages: texts as stored, neighbours as one passage, copies folded into the current one.

Everything here is made of rows that an engine found for the caller, so twins and neighbours are the caller's too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from muniment.knowledge import library
from muniment.knowledge.library import ChunkText, DocumentRow
from muniment.knowledge.passage import Passage, Piece, Twin
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.earlier import Earlier
from muniment.knowledge.retrieval.fold import Likeness
from muniment.knowledge.retrieval.rank import Hit
from muniment.knowledge.retrieval.visibility import Visibility
from muniment.knowledge.retrieval.wording import Query

MOST_PIECES = 3
"""Neighbouring chunks that one passage joins."""
_BEYOND = 4
"""Hits read at a time beyond the passages wanted: some are joined or folded away."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """How many passages, and how they are put together."""

    most: int
    per_document: int
    join: bool = True
    fold: bool = True


@dataclass(frozen=True, slots=True)
class _Found:
    document: DocumentRow
    chunk: ChunkText
    hit: Hit
    likeness: Likeness

    @property
    def place(self) -> tuple[str, int, int]:
        return self.document.id, self.document.version, self.chunk.ordinal


@dataclass(slots=True)
class _Group:
    """A passage in the making."""

    pieces: list[_Found]
    """By position; neighbours."""
    best: _Found
    twins: list[_Found]
    score: float


def passages(
    connection: sa.Connection,
    visibility: Visibility,
    hits: Sequence[Hit],
    asked: Query,
    shape: Shape,
    earlier: Earlier | None = None,
) -> list[Passage]:
    """Return the passages of `hits`, in their order: a joined or folded one stands where its first row stood."""
    groups: list[_Group] = []
    for found in _read(connection, visibility, hits, asked, shape, earlier):
        if (shape.join and _join(groups, found)) or (shape.fold and _fold(groups, found, asked)):
            continue
        if len(groups) == shape.most:
            break
        groups.append(_Group([found], found, [], found.hit.score))
    return [_passage(connection, visibility, group) for group in groups]


def _read(
    connection: sa.Connection,
    visibility: Visibility,
    hits: Sequence[Hit],
    asked: Query,
    shape: Shape,
    earlier: Earlier | None,
) -> Iterator[_Found]:
    """Yield the rows that the caller may read; a few are read at a time, since most hits are not needed."""
    taken: Counter[str] = Counter()
    step = min(shape.most + _BEYOND, _AT_ONCE)
    for start in range(0, len(hits), step):
        some = [hit for hit in hits[start : start + step] if taken[hit.document] < shape.per_document]
        documents = library.get_documents(connection, [*{hit.document for hit in some}])
        if earlier is not None:
            documents = {name: _then(row, earlier) for name, row in documents.items()}
        visibility.judge(documents.values())
        # The index says the same already; a fault in it must still give nothing away.
        mine = [
            (hit, document)
            for hit in some
            if (document := documents.get(hit.document)) is not None
            and document.version == hit.version
            and visibility.may_read(document)
        ]
        chunks = library.chunk_texts(
            connection, [(hit.document, hit.version, hit.ordinal) for hit, _ in mine]
        )
        for hit, document in mine:
            chunk = chunks.get((hit.document, hit.version, hit.ordinal))
            if chunk is None or not _holds(chunk, document.title, asked):
                continue
            if taken[document.id] < shape.per_document:
                taken[document.id] += 1
                yield _Found(document, chunk, hit, Likeness(document.id, document.title, chunk.text))


def _then(row: DocumentRow, earlier: Earlier) -> DocumentRow:
    """Return a document as it was."""
    version = earlier.versions.get(row.id)
    if version is None:
        return row
    return replace(row, version=version, title=earlier.titles.get(row.id, row.title))


def _holds(chunk: ChunkText, title: str, asked: Query) -> bool:
    fields = (chunk.text, chunk.heading, title)
    return all(any(wording.holds_phrase(text, phrase) for text in fields) for phrase in asked.phrases)


def _join(groups: Sequence[_Group], found: _Found) -> bool:
    """Put a chunk beside its neighbour, if that is there and its passage not yet full."""
    document, version, ordinal = found.place
    for group in groups:
        first, last = group.pieces[0], group.pieces[-1]
        if first.place[:2] != (document, version) or len(group.pieces) == MOST_PIECES:
            continue
        if ordinal == last.chunk.ordinal + 1:
            group.pieces.append(found)
            return True
        if ordinal == first.chunk.ordinal - 1:
            group.pieces.insert(0, found)
            return True
    return False


def _fold(groups: Sequence[_Group], found: _Found, asked: Query) -> bool:
    """Name a passage beside its twin; the one last changed is shown, unless the query asks for the other."""
    for group in groups:
        shown = group.best
        if not shown.likeness.is_twin(found.likeness) or _asks_apart(asked, shown, found):
            continue
        newer = found.document.modified_at > shown.document.modified_at
        if newer and len(group.pieces) == 1 and found.likeness.words != shown.likeness.words:
            group.twins.insert(0, shown)
            group.pieces, group.best = [found], found
        else:
            group.twins.append(found)
        return True
    return False


def _asks_apart(asked: Query, one: _Found, other: _Found) -> bool:
    """Return whether the query names what tells the two titles apart, such as a year."""
    apart = set(wording.terms(one.document.title)) ^ set(wording.terms(other.document.title))
    return not apart.isdisjoint(asked.terms)


def _passage(connection: sa.Connection, visibility: Visibility, group: _Group) -> Passage:
    best, pieces = group.best, group.pieces
    document = best.document
    start, end = pieces[0].chunk.start, pieces[-1].chunk.end
    text = best.chunk.text
    if len(pieces) > 1:
        text = library.version_slice(connection, document.id, document.version, start, end) or ""
    return Passage(
        document=document.id,
        title=document.title,
        version=document.version,
        chunk=_name(best),
        page=pieces[0].chunk.page,
        span=(start, end),
        score=group.score,
        text=text,
        heading=best.chunk.heading,
        source=document.source,
        path=document.path,
        media_type=document.media_type,
        sensitivity=visibility.sensitivity_of(document),
        pieces=tuple(Piece(_name(one), (one.chunk.start, one.chunk.end), one.chunk.page) for one in pieces),
        twins=tuple(
            Twin(one.document.id, one.document.title, one.document.version, _name(one)) for one in group.twins
        ),
    )


def _name(found: _Found) -> str:
    return f"{found.document.id}:{found.document.version}:{found.chunk.ordinal}"
