"""The bytes that a version was read from: kept where its pages are shown as they were set.

They are committed with the version and go with it.
"""

from __future__ import annotations

import sqlalchemy as sa

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.tables import version_original

LARGEST = 32 << 20
"""A larger file is kept as text alone."""
SHOWN_AS_SET = frozenset({MEDIA_TYPES["pdf"]})
"""Media types whose pages are shown as they were set."""

_HERE = sa.and_(
    version_original.c.document == sa.bindparam("of"), version_original.c.version == sa.bindparam("at")
)
_CONTENT = sa.select(version_original.c.content).where(_HERE)


def to_keep(media_type: str, content: bytes) -> bytes | None:
    """Return what is kept of a file beside its text, or None."""
    return content if media_type in SHOWN_AS_SET and len(content) <= LARGEST else None


def original(connection: sa.Connection, document: str, version: int) -> bytes | None:
    """Return the bytes that a version was read from, or None."""
    content = connection.execute(_CONTENT, {"of": document, "at": version}).scalar()
    return None if content is None else bytes(content)
