"""The bytes that a version was read from: kept where its pages are shown as they were set.

They are committed with the version and go with it. A version that was stored before they were kept gets them from an
ingest that finds the same bytes in its source.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.tables import document, document_version, version_original

LARGEST = 32 << 20
"""A larger file is kept as text alone."""
SHOWN_AS_SET = frozenset({MEDIA_TYPES["pdf"]})
"""Media types whose pages are shown as they were set."""


@dataclass(frozen=True, slots=True)
class Bare:
    """The current version of a document, without its bytes."""

    document: str
    version: int
    content_hash: str
    path: str


_HERE = sa.and_(
    version_original.c.document == sa.bindparam("of"), version_original.c.version == sa.bindparam("at")
)
_CONTENT = sa.select(version_original.c.content).where(_HERE)
_LACKING = (
    sa.select(document.c.id, document.c.version, document.c.content_hash, document.c.path)
    .where(document.c.source == sa.bindparam("source"), document.c.state == "live")
    .where(document.c.media_type.in_(SHOWN_AS_SET))
    .where(
        ~sa.exists().where(
            version_original.c.document == document.c.id, version_original.c.version == document.c.version
        )
    )
    .order_by(document.c.id)
)
_BARE = (
    sa.select(document_version.c.version)
    .where(
        document_version.c.document == sa.bindparam("of"), document_version.c.version == sa.bindparam("at")
    )
    .where(document_version.c.content_hash == sa.bindparam("hash"), ~sa.exists().where(_HERE))
)


def to_keep(media_type: str, content: bytes) -> bytes | None:
    """Return what is kept of a file beside its text, or None."""
    return content if media_type in SHOWN_AS_SET and len(content) <= LARGEST else None


def original(connection: sa.Connection, document: str, version: int) -> bytes | None:
    """Return the bytes that a version was read from, or None."""
    content = connection.execute(_CONTENT, {"of": document, "at": version}).scalar()
    return None if content is None else bytes(content)


def lacking(connection: sa.Connection, source: str) -> list[Bare]:
    """Return the documents of a source whose bytes would be kept, and are not."""
    return [Bare(*row) for row in connection.execute(_LACKING, {"source": source})]


def add(connection: sa.Connection, bare: Bare, content: bytes) -> bool:
    """Keep the bytes of a version; return whether it is still there and has none."""
    at = {"of": bare.document, "at": bare.version}
    if connection.execute(_BARE, {**at, "hash": bare.content_hash}).first() is None:
        return False
    values = {"document": bare.document, "version": bare.version, "content": content}
    connection.execute(sa.insert(version_original), values)
    return True
