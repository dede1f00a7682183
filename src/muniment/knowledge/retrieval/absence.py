"""Why a search did not show a named document: for whoever runs the workspace, since it tells what others may read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.errors import BadInput
from muniment.foundation.revisions import Revisions
from muniment.governance.identity.clearance import clears
from muniment.knowledge import library
from muniment.knowledge.access import AccessList
from muniment.knowledge.library import ChunkText, DocumentRow
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.filters import Filters
from muniment.knowledge.retrieval.rank import Hit
from muniment.knowledge.retrieval.visibility import Visibility
from muniment.knowledge.retrieval.wording import Query

DEPTH = 1_000
"""Rows among which a document's place is looked for."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Whether and where a document stands in a search, and what keeps it out or down."""

    document: str
    source: str
    path: str
    shown: int | None
    """Its place among the passages, from 1; None when it is not among them."""
    reasons: tuple[str, ...]
    revisions: Revisions
    """The state that it was judged on."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The document that is asked about, as it stands."""

    row: DocumentRow
    access: AccessList | None
    chunks: Sequence[ChunkText]


def locate(connection: sa.Connection, target: str) -> Subject:
    """Return the live document of an id or SOURCE/PATH; raises BadInput for none.

    Call it before the connection is confined to what the principal may read.
    """
    row = library.get_document(connection, target)
    source, _, path = target.partition("/")
    row = row or library.document_at(connection, source, path)
    if row is None:
        raise BadInput(
            f"No live document {target}.",
            fix="Name its id or SOURCE/PATH; `muniment access show SOURCE` lists them.",
        )
    access = library.access_class_at(connection, row.access_class)
    return Subject(row, access, library.chunks(connection, row.id, row.version))


def barriers(subject: Subject, visibility: Visibility, asked: Query, filters: Filters) -> Iterator[str]:
    """Yield what keeps the document out whatever its rank."""
    row, access = subject.row, subject.access
    if access is None:
        yield "Its access list is missing, so nobody may read it."
        return
    yield from _access(visibility, access)
    yield from _filtered(row, access, filters)
    if not subject.chunks:
        yield "It holds no text."
        return
    texts = [f"{row.title}\n{chunk.heading}\n{chunk.text}" for chunk in subject.chunks]
    for phrase in asked.phrases:
        if not any(wording.holds_phrase(text, phrase) for text in texts):
            yield f'It nowhere holds the phrase "{" ".join(phrase)}".'
    for term in asked.excluded:
        if all(term in wording.terms(text) for text in texts):
            yield f"Each of its chunks holds {term}, which the query excludes."


def ranked(row: DocumentRow, hits: Sequence[Hit], shown: Sequence[Passage], k: int) -> tuple[int | None, str]:
    """Return the place among the passages, and where the document's best chunk ranks."""
    for place, passage in enumerate(shown, 1):
        if passage.document == row.id:
            return place, f"It is there, at place {place}."
    for place, passage in enumerate(shown, 1):
        if any(twin.document == row.id for twin in passage.twins):
            return None, f"It says the same as the passage at place {place}, which names it."
    for place, hit in enumerate(hits, 1):
        if hit.document == row.id:
            last = f"; the last one shown has {shown[-1].score:.4f}" if shown else ""
            return None, f"Its best chunk has rank {place} and score {hit.score:.4f}{last}. k is {k}."
    return None, (
        f"None of its chunks is among the best {DEPTH:,}: they share no word with the query, or others are nearer."
    )


def _access(visibility: Visibility, access: AccessList) -> Iterator[str]:
    who = visibility.principal.ref
    if access.allow.isdisjoint(visibility.grants):
        allowed = ", ".join(sorted(access.allow)) or "nobody"
        yield f"{who} may not read it: it allows {allowed}."
    for entry in sorted(access.deny & visibility.grants):
        yield f"{who} may not read it: it denies {entry}."
    if not clears(visibility.clearance, access.sensitivity):
        yield f"{who} is cleared up to {visibility.clearance}; its label is {access.sensitivity or 'missing'}."


def _filtered(row: DocumentRow, access: AccessList, filters: Filters) -> Iterator[str]:
    admitted = {
        "source or folder": filters.admits_place(row.source, row.path),
        "type": filters.admits_type(row.media_type),
        "author": filters.admits_author(row.author),
        "sensitivity": filters.admits_sensitivity(access.sensitivity),
        "after or before": filters.admits_time(row.modified_at),
    }
    for name, holds in admitted.items():
        if not holds:
            yield f"The filter {name} leaves it out."
