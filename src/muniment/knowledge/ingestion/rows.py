"""What is indexed of stored documents."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.segment import IndexRow


def index_rows(connection: sa.Connection, documents: Iterable[DocumentRow]) -> list[IndexRow]:
    """Return a row for each chunk of the current versions of these documents, in order."""
    return [
        IndexRow(
            document.id,
            document.version,
            chunk.ordinal,
            document.access_class,
            document.title,
            chunk.heading,
            chunk.text,
            segment.words(document.title, chunk.heading, chunk.text),
        )
        for document in documents
        for chunk in library.chunks(connection, document.id, document.version)
    ]
