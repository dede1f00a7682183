"""Documents that are alike: found for each that comes in, at a cost that does not grow with the library.

Nothing is dropped or merged: two that are alike may have other readers. Each flag names what was there before.
"""

from __future__ import annotations

import sqlalchemy as sa

from muniment.knowledge.flags import Flag
from muniment.knowledge.ingestion.quality import sketch
from muniment.knowledge.ingestion.quality.assess import RULES, Assessment
from muniment.knowledge.ingestion.quality.tables import document_band, document_sketch
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.tables import document

MOST = 20
"""Documents that a flag names."""
_ROWS = 1000
"""Rows of bands that are read, so that thousands made from one template cost no more than a few."""
_LIVE = sa.and_(document.c.state == "live", document.c.id == document_sketch.c.document)


def likes(connection: sa.Connection, row: DocumentRow, made: Assessment) -> list[Flag]:
    """Return the flags for documents that hold the same text, or nearly the same."""
    same = _same(connection, row.id, made.digest)
    flags = [Flag("duplicate", "low", others=dict.fromkeys(same, 1.0), count=len(same))] if same else []
    near = {} if made.signature is None else _near(connection, row.id, made.signature, made.digest)
    if near:
        flags.append(Flag("near_duplicate", "low", others=near, count=len(near)))
    return flags


def put_sketch(connection: sa.Connection, row: DocumentRow, made: Assessment) -> None:
    """Store by what a document's current text is known again, in place of what was."""
    forget(connection, row.id)
    connection.execute(
        sa.insert(document_sketch).values(
            document=row.id, version=row.version, rules=RULES, digest=made.digest, signature=made.signature
        )
    )
    if made.signature is not None:
        keys = sorted(set(sketch.bands(made.signature)))
        connection.execute(sa.insert(document_band), [{"key": key, "document": row.id} for key in keys])


def forget(connection: sa.Connection, document_id: str) -> None:
    """Forget by what a document is known again."""
    for table in (document_sketch, document_band):
        connection.execute(sa.delete(table).where(table.c.document == document_id))


def _same(connection: sa.Connection, document_id: str, digest: str) -> list[str]:
    query = (
        sa.select(document_sketch.c.document)
        .join(document, _LIVE)
        .where(document_sketch.c.digest == digest, document_sketch.c.document != document_id)
        .limit(MOST)
    )
    return sorted(connection.execute(query).scalars())


def _near(connection: sa.Connection, document_id: str, signature: bytes, digest: str) -> dict[str, float]:
    table = document_band.c
    shared = (
        sa.select(table.document)
        .where(table.key.in_(sketch.bands(signature)), table.document != document_id)
        .limit(_ROWS)
        .subquery()
    )
    most = (
        sa.select(shared.c.document)
        .group_by(shared.c.document)
        .order_by(sa.func.count().desc(), shared.c.document)
        .limit(4 * MOST)
    )
    query = (
        sa.select(document_sketch.c.document, document_sketch.c.signature)
        .join(document, _LIVE)
        .where(document_sketch.c.document.in_(most), document_sketch.c.digest != digest)
    )
    rows = [(name, other) for name, other in connection.execute(query) if other is not None]
    alike = sketch.likeness(signature, [other for _, other in rows])
    found = [(share, name) for (name, _), share in zip(rows, alike, strict=True) if share >= sketch.NEAR]
    return {name: share for share, name in sorted(found, key=lambda one: (-one[0], one[1]))[:MOST]}
