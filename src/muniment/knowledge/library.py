"""Documents, their versions and chunks, and the access list of each: the tables that hold what is known.

Invariants:
- a document has one access class; chunks have none of their own;
- a version's text never changes; chunks are exact slices of it;
- writers run inside one transaction with the audit entry of what they do, and bump the revision they move.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.database import metadata
from muniment.foundation.ids import derived_id
from muniment.knowledge.access import NOBODY, AccessList, nearest

source = sa.Table(
    "source",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("synced_at", sa.Text),
)
access_class = sa.Table(
    "access_class",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("allow", sa.Text, nullable=False),
    sa.Column("deny", sa.Text, nullable=False),
    sa.Column("sensitivity", sa.Text),
    sqlite_autoincrement=True,
)
access_override = sa.Table(
    "access_override",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("access_class", sa.Integer, sa.ForeignKey("access_class.id"), nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)
document = sa.Table(
    "document",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("access_class", sa.Integer, sa.ForeignKey("access_class.id"), nullable=False),
    sa.Column("source_access_class", sa.Integer, sa.ForeignKey("access_class.id"), nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Index("document_path", "source", "path"),
    sa.Index("document_origin", "source", "origin"),
    sa.Index("document_access_class", "access_class"),
    sa.Index("document_source_access_class", "source_access_class"),
)
document_version = sa.Table(
    "document_version",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("modified_at", sa.Text, nullable=False),
    sa.Column("stored_at", sa.Text, nullable=False),
    sa.Column("units", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
chunk = sa.Table(
    "chunk",
    metadata,
    sa.Column("document", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("heading", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
segment = sa.Table(
    "segment",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document as it stands now."""

    id: str
    source: str
    path: str
    title: str
    media_type: str
    version: int
    content_hash: str
    access_class: int
    source_access_class: int
    changed_at: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A stored version, whole."""

    document: str
    version: int
    title: str
    content_hash: str
    modified_at: str
    units: tuple[Mapping[str, object], ...]
    """Pages, slides, sheets, messages: kind, label, number, start, end."""
    notes: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A stored chunk; `text` is the version's characters `start` to `end`."""

    ordinal: int
    start: int
    end: int
    page: int | None
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What ingestion has read of a document."""

    title: str
    media_type: str
    content_hash: str
    modified_at: str
    units: Sequence[Mapping[str, object]]
    notes: Sequence[str]
    text: str
    chunks: Sequence[ChunkText]


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment of the manifest."""

    name: str
    digest: str
    rows: int
    model: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source and when it was last read to the end."""

    name: str
    kind: str
    location: str
    synced_at: str | None
    documents: int


_DOCUMENT = (
    document.c.id,
    document.c.source,
    document.c.path,
    document.c.title,
    document.c.media_type,
    document.c.version,
    document.c.content_hash,
    document.c.access_class,
    document.c.source_access_class,
    document.c.changed_at,
)
_LIVE = document.c.state == "live"


def documents(connection: sa.Connection, source_name: str | None = None) -> list[DocumentRow]:
    """Return the live documents, ordered by id."""
    query = sa.select(*_DOCUMENT).where(_LIVE).order_by(document.c.id)
    if source_name is not None:
        query = query.where(document.c.source == source_name)
    return [DocumentRow(*row) for row in connection.execute(query)]


def get_document(connection: sa.Connection, document_id: str) -> DocumentRow | None:
    """Return a live document, or None."""
    row = connection.execute(sa.select(*_DOCUMENT).where(_LIVE, document.c.id == document_id)).first()
    return DocumentRow(*row) if row else None


def document_at(connection: sa.Connection, source_name: str, path: str) -> DocumentRow | None:
    """Return the live document at a path of a source, or None."""
    query = sa.select(*_DOCUMENT).where(_LIVE, document.c.source == source_name, document.c.path == path)
    row = connection.execute(query).first()
    return DocumentRow(*row) if row else None


def version_row(connection: sa.Connection, document_id: str, version: int) -> VersionRow | None:
    """Return a stored version, or None."""
    table = document_version.c
    row = connection.execute(
        sa.select(
            table.document,
            table.version,
            table.title,
            table.content_hash,
            table.modified_at,
            table.units,
            table.notes,
            table.text,
        ).where(table.document == document_id, table.version == version)
    ).first()
    if row is None:
        return None
    return VersionRow(
        row.document,
        row.version,
        row.title,
        row.content_hash,
        row.modified_at,
        tuple(json.loads(row.units)),
        tuple(json.loads(row.notes)),
        row.text,
    )


def version_text(connection: sa.Connection, document_id: str, version: int) -> str | None:
    """Return the text of a stored version, or None."""
    table = document_version.c
    return connection.execute(
        sa.select(table.text).where(table.document == document_id, table.version == version)
    ).scalar()


def chunk_text(connection: sa.Connection, document_id: str, version: int, ordinal: int) -> ChunkText | None:
    """Return one chunk, or None."""
    table = chunk.c
    row = connection.execute(
        sa.select(table.ordinal, table.start, table.end, table.page, table.heading, table.text).where(
            table.document == document_id, table.version == version, table.ordinal == ordinal
        )
    ).first()
    return ChunkText(*row) if row else None


def access_classes(connection: sa.Connection) -> dict[int, AccessList]:
    """Return every access class that documents share."""
    table = access_class.c
    return {
        row.id: AccessList(frozenset(json.loads(row.allow)), frozenset(json.loads(row.deny)), row.sensitivity)
        for row in connection.execute(sa.select(table.id, table.allow, table.deny, table.sensitivity))
    }


def segments(connection: sa.Connection) -> list[SegmentRow]:
    """Return the manifest of index segments, ordered by name."""
    table = segment.c
    query = sa.select(table.name, table.digest, table.rows, table.model).order_by(table.name)
    return [SegmentRow(*row) for row in connection.execute(query)]


def sources(connection: sa.Connection) -> list[SourceRow]:
    """Return the sources with the number of their live documents, ordered by name."""
    count = sa.select(sa.func.count()).where(document.c.source == source.c.name, _LIVE).scalar_subquery()
    table = source.c
    query = sa.select(table.name, table.kind, table.location, table.synced_at, count).order_by(table.name)
    return [SourceRow(*row) for row in connection.execute(query)]


def overrides(connection: sa.Connection, source_name: str) -> dict[str, AccessList]:
    """Return the access lists set by hand, by path; `""` is the whole source."""
    classes = access_classes(connection)
    table = access_override.c
    query = sa.select(table.path, table.access_class).where(table.source == source_name)
    return {row.path: classes[row.access_class] for row in connection.execute(query)}


def class_of(connection: sa.Connection, access: AccessList) -> int:
    """Return the id of the class that shares this access list, made when new."""
    key = access.digest()
    found = connection.execute(sa.select(access_class.c.id).where(access_class.c.digest == key)).scalar()
    if found is not None:
        return found
    inserted = connection.execute(
        sa.insert(access_class)
        .values(
            digest=key,
            allow=json.dumps(sorted(access.allow)),
            deny=json.dumps(sorted(access.deny)),
            sensitivity=access.sensitivity,
        )
        .returning(access_class.c.id)
    )
    return int(inserted.scalar_one())


def put_source(connection: sa.Connection, name: str, kind: str, location: str, at: str) -> None:
    """Record a source, or its new location."""
    known = connection.execute(sa.select(source.c.name).where(source.c.name == name)).scalar()
    if known is None:
        connection.execute(sa.insert(source).values(name=name, kind=kind, location=location, created_at=at))
    else:
        connection.execute(sa.update(source).where(source.c.name == name).values(location=location))


def mark_synced(connection: sa.Connection, name: str, at: str) -> None:
    """Record that a source was read to its end."""
    connection.execute(sa.update(source).where(source.c.name == name).values(synced_at=at))


def put_version(
    connection: sa.Connection,
    identifier_key: bytes,
    source_name: str,
    path: str,
    new: NewVersion,
    access: AccessList,
    at: str,
) -> DocumentRow:
    """Store a new document, or the next version of the one at `path`; its text is searchable once indexed."""
    known = document_at(connection, source_name, path)
    source_class = class_of(connection, access)
    set_by_hand = nearest(path, overrides(connection, source_name))
    effective = source_class if set_by_hand is None else class_of(connection, set_by_hand)
    values = {
        "title": new.title,
        "media_type": new.media_type,
        "content_hash": new.content_hash,
        "access_class": effective,
        "source_access_class": source_class,
        "changed_at": at,
    }
    if known is None:
        earlier = connection.execute(
            sa.select(sa.func.count()).where(document.c.source == source_name, document.c.origin == path)
        ).scalar_one()
        document_id = derived_id(identifier_key, "doc", source_name, path, str(earlier))
        version = 1
        connection.execute(
            sa.insert(document).values(
                id=document_id, source=source_name, path=path, origin=path, state="live", version=1, **values
            )
        )
    else:
        document_id, version = known.id, known.version + 1
        connection.execute(
            sa.update(document).where(document.c.id == document_id).values(version=version, **values)
        )
    _insert_version(connection, document_id, version, new, at)
    revisions.bump(connection, "content")
    if known is not None and known.access_class != effective:
        revisions.bump(connection, "access")
    row = get_document(connection, document_id)
    if row is None:
        raise LookupError(document_id)
    return row


def _insert_version(
    connection: sa.Connection, document_id: str, version: int, new: NewVersion, at: str
) -> None:
    connection.execute(
        sa.insert(document_version).values(
            document=document_id,
            version=version,
            title=new.title,
            content_hash=new.content_hash,
            modified_at=new.modified_at,
            stored_at=at,
            units=json.dumps(list(new.units)),
            notes=json.dumps(list(new.notes)),
            text=new.text,
        )
    )
    if new.chunks:
        connection.execute(
            sa.insert(chunk),
            [
                {
                    "document": document_id,
                    "version": version,
                    "ordinal": c.ordinal,
                    "start": c.start,
                    "end": c.end,
                    "page": c.page,
                    "heading": c.heading,
                    "text": c.text,
                }
                for c in new.chunks
            ],
        )


def rename_document(connection: sa.Connection, document_id: str, path: str, at: str) -> None:
    """Move a live document to another path of its source; its versions and id stay."""
    connection.execute(
        sa.update(document).where(document.c.id == document_id).values(path=path, changed_at=at)
    )
    revisions.bump(connection, "content")


def remove_document(connection: sa.Connection, document_id: str, at: str) -> None:
    """Take a document out of every reader's sight; its versions stay as evidence behind past answers."""
    nobody = class_of(connection, NOBODY)
    connection.execute(
        sa.update(document)
        .where(document.c.id == document_id)
        .values(state="removed", access_class=nobody, source_access_class=nobody, changed_at=at)
    )
    revisions.bump(connection, "content")
    revisions.bump(connection, "access")


def set_source_access(connection: sa.Connection, changes: Mapping[str, AccessList], source_name: str) -> int:
    """Apply the access lists that the source now states, by document id; return how many documents moved."""
    by_hand = overrides(connection, source_name)
    moved = 0
    for document_id, access in changes.items():
        row = get_document(connection, document_id)
        if row is None:
            continue
        source_class = class_of(connection, access)
        set_by_hand = nearest(row.path, by_hand)
        effective = source_class if set_by_hand is None else class_of(connection, set_by_hand)
        if (source_class, effective) == (row.source_access_class, row.access_class):
            continue
        moved += 1
        connection.execute(
            sa.update(document)
            .where(document.c.id == document_id)
            .values(source_access_class=source_class, access_class=effective)
        )
    if moved:
        _drop_unused_classes(connection)
        revisions.bump(connection, "access")
    return moved


def set_override(
    connection: sa.Connection, source_name: str, path: str, access: AccessList | None, at: str
) -> list[str]:
    """Set (with None: clear) the list that rules at `path` and below; return the documents' ids."""
    connection.execute(
        sa.delete(access_override).where(
            access_override.c.source == source_name, access_override.c.path == path
        )
    )
    if access is not None:
        connection.execute(
            sa.insert(access_override).values(
                source=source_name, path=path, access_class=class_of(connection, access), at=at
            )
        )
    stated = access_override.c
    query = sa.select(stated.path, stated.access_class).where(stated.source == source_name)
    by_hand = {row.path: row.access_class for row in connection.execute(query)}
    below = [row for row in documents(connection, source_name) if is_below(row.path, path)]
    for row in below:
        effective = _nearest_class(row.path, by_hand)
        connection.execute(
            sa.update(document)
            .where(document.c.id == row.id)
            .values(access_class=row.source_access_class if effective is None else effective)
        )
    _drop_unused_classes(connection)
    revisions.bump(connection, "access")
    return [row.id for row in below]


def _drop_unused_classes(connection: sa.Connection) -> None:
    """Forget lists that nothing points to; a number is never given twice."""
    used = sa.union_all(
        sa.select(document.c.access_class),
        sa.select(document.c.source_access_class),
        sa.select(access_override.c.access_class),
    )
    connection.execute(sa.delete(access_class).where(access_class.c.id.not_in(used)))


def _nearest_class(path: str, classes: Mapping[str, int]) -> int | None:
    at = path
    while True:
        if at in classes:
            return classes[at]
        if not at:
            return None
        at = at.rpartition("/")[0]


def is_below(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or lies under it; `""` is the root."""
    return folder in ("", path) or path.startswith(folder + "/")


def add_segment(connection: sa.Connection, row: SegmentRow, at: str) -> None:
    """Enter a synced segment file into the manifest."""
    connection.execute(
        sa.insert(segment).values(
            name=row.name, digest=row.digest, rows=row.rows, model=row.model, created_at=at
        )
    )


def drop_segments(connection: sa.Connection, names: Iterable[str]) -> None:
    """Take segments out of the manifest; the caller deletes their files after commit."""
    connection.execute(sa.delete(segment).where(segment.c.name.in_(list(names))))


def mark_reindexed(connection: sa.Connection) -> None:
    """Tell readers that the manifest of segments moved."""
    revisions.bump(connection, "content")
