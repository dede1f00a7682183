"""Looking again at what other rules looked at, or none: after an upgrade, and for what came in another way."""

from __future__ import annotations

import json

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Actor
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.quality.assess import RULES, Assessment, assess
from muniment.knowledge.ingestion.quality.store import store
from muniment.knowledge.ingestion.quality.tables import document_sketch
from muniment.knowledge.library import DocumentRow, NewVersion, get_documents
from muniment.knowledge.tables import document, document_version

_AT_ONCE = 50
"""Documents of one transaction."""


def judge_again(parts: Parts, source: str, by: Actor) -> int:
    """Judge every live document of a source whose current version these rules have not judged; return how many."""
    judged, last = 0, ""
    while True:
        with parts.database.read() as connection:
            rows = _unjudged(connection, source, last)
            found = [(row, one) for row in rows if (one := _assessed(connection, row)) is not None]
        if not rows:
            return judged
        last = rows[-1].id
        with parts.database.write() as connection:
            now = get_documents(connection, [row.id for row, _ in found])
            same = [(row, one) for row, one in found if now.get(row.id) == row]
            if same:
                at = timestamp(parts.clock.now())
                done = store(
                    connection, [row for row, _ in same], [one for _, one in same], parts.quality, by, at
                )
                parts.audit.append(connection, done.entries)
        judged += len(same)


def _unjudged(connection: sa.Connection, source: str, after: str) -> list[DocumentRow]:
    judged = sa.exists().where(
        document_sketch.c.document == document.c.id,
        document_sketch.c.version == document.c.version,
        document_sketch.c.rules == RULES,
    )
    query = (
        sa.select(document.c.id)
        .where(document.c.source == source, document.c.state == "live", document.c.id > after, ~judged)
        .order_by(document.c.id)
        .limit(_AT_ONCE)
    )
    names = list(connection.execute(query).scalars())
    found = get_documents(connection, names) if names else {}
    return [found[name] for name in names if name in found]


def _assessed(connection: sa.Connection, row: DocumentRow) -> Assessment | None:
    """Assess the current version of a document as it is stored, None where it is not there."""
    table = document_version.c
    query = sa.select(table.title, table.text, table.notes, table.units).where(
        table.document == row.id, table.version == row.version
    )
    stored = connection.execute(query).first()
    if stored is None:
        return None
    return assess(
        NewVersion(
            title=stored.title,
            media_type=row.media_type,
            content_hash=row.content_hash,
            modified_at=row.modified_at,
            units=json.loads(stored.units),
            notes=json.loads(stored.notes),
            text=stored.text,
            chunks=(),
            author=row.author,
        )
    )
