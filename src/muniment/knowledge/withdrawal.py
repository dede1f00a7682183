"""What is done to the library where a source leaves it for good.

Invariants:
- from the first change on nobody reads anything of it, and nothing new of it can be stored;
- of each document its id stays, with nothing that tells what it was: an id never stands for anything else later.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.knowledge.access import NOBODY
from muniment.knowledge.changes import class_of, drop_unused_classes, next_epoch, tombstone
from muniment.knowledge.flags import document_flag
from muniment.knowledge.ingestion.quality.tables import document_band, document_line, document_sketch
from muniment.knowledge.quarantine import quarantine
from muniment.knowledge.tables import (
    LEAVING,
    NO_SOURCE,
    access_override,
    chunk,
    document,
    document_label,
    document_version,
    name_label,
    source,
    version_original,
)

OF_DOCUMENTS = (
    name_label,
    document_label,
    document_flag,
    quarantine,
    document_sketch,
    document_band,
    document_line,
    chunk,
    version_original,
    document_version,
)
"""Every table that holds something of documents, in an order in which rows may go."""


def withdraw(connection: sa.Connection, name: str, at: str) -> int:
    """Take a source with all its documents out of every reader's sight, for good; return how many were in it."""
    count = clear(connection, name, at)
    connection.execute(sa.update(source).where(source.c.name == name).values(kind=LEAVING, location=""))
    _forget_rules(connection, name)
    return count


def clear(connection: sa.Connection, name: str, at: str) -> int:
    """Remove every document of a source, as `remove_document` does; return how many there were."""
    nobody = class_of(connection, NOBODY)
    mine = document.c.source == name
    held = [
        *connection.execute(sa.select(document.c.access_class).where(mine).distinct()).scalars(),
        *connection.execute(sa.select(document.c.source_access_class).where(mine).distinct()).scalars(),
    ]
    values = {
        "state": "removed",
        "access_class": nobody,
        "source_access_class": nobody,
        "changed_at": at,
        "epoch": next_epoch(connection),
    }
    theirs = sa.select(document.c.id).where(mine)
    connection.execute(sa.delete(name_label).where(name_label.c.document.in_(theirs)))
    live = sa.update(document).where(mine, document.c.state == "live").values(**values)
    count = connection.execute(live).rowcount
    drop_unused_classes(connection, set(held) - {nobody})
    revisions.bump(connection, "content")
    revisions.bump(connection, "access")
    return count


def documents_of(connection: sa.Connection, name: str) -> list[str]:
    """Return every document that a source ever had, as far as it is not expunged, by id."""
    query = sa.select(document.c.id).where(document.c.source == name).order_by(document.c.id)
    return list(connection.execute(query).scalars())


def expunge(connection: sa.Connection, identifier_key: bytes, name: str, documents: Sequence[str]) -> None:
    """Delete all that was stored of up to 500 documents of a source that leaves; their ids stay."""
    query = sa.select(document.c.id, document.c.origin).where(
        document.c.source == name, document.c.id.in_(documents)
    )
    origins = {row.id: row.origin for row in connection.execute(query)}
    if not origins:
        return
    _put_no_source(connection)
    for table in OF_DOCUMENTS:
        connection.execute(sa.delete(table).where(table.c.document.in_(list(origins))))
    bare = sa.update(document).where(document.c.id == sa.bindparam("of"))
    values = {
        "source": NO_SOURCE,
        "origin": sa.bindparam("began"),
        "path": "",
        "title": "",
        "media_type": "",
        "version": 0,
        "content_hash": "",
        "author": "",
        "modified_at": "",
    }
    rows = [{"of": one, "began": tombstone(identifier_key, name, at)} for one, at in origins.items()]
    connection.execute(bare.values(**values), rows)


def drop_source(connection: sa.Connection, name: str) -> None:
    """Forget a source of which every document is expunged."""
    _forget_rules(connection, name)
    connection.execute(sa.delete(source).where(source.c.name == name))
    revisions.bump(connection, "content")
    revisions.bump(connection, "access")


def _forget_rules(connection: sa.Connection, name: str) -> None:
    ruled = access_override.c.source == name
    held = set(connection.execute(sa.select(access_override.c.access_class).where(ruled)).scalars())
    connection.execute(sa.delete(access_override).where(ruled))
    drop_unused_classes(connection, held)


def _put_no_source(connection: sa.Connection) -> None:
    known = sa.select(source.c.name).where(source.c.name == NO_SOURCE)
    if connection.execute(known).scalar() is None:
        row = {"name": NO_SOURCE, "kind": "removed", "location": "", "created_at": ""}
        connection.execute(sa.insert(source).values(**row))
