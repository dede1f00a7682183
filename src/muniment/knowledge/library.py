"""What is known: documents, their versions and chunks, and the access list of each.

Invariants:
- a document has one access class; chunks have none of their own;
- a version's text never changes; chunks are exact slices of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import sqlalchemy as sa

from muniment.foundation.worded import Listed, Worded
from muniment.knowledge.access import AccessList
from muniment.knowledge.index_model import LIVE_GENERATION
from muniment.knowledge.stated import Stated
from muniment.knowledge.tables import (
    LEAVING,
    NO_SOURCE,
    access_class,
    access_override,
    chunk,
    document,
    document_version,
    segment,
    source,
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
    author: str
    modified_at: str
    """Of the file that the current version was read from."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is current of a document."""

    version: int
    """0 when the document was removed."""
    access_class: int
    source: str
    path: str
    media_type: str
    author: str
    modified_at: str


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
    language: str = ""
    """BCP 47 tag of what most of the text is written in; empty where that is not known."""


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
    author: str = ""
    chunking: str = ""
    """The rules that cut it; empty where that is not known."""
    stated: Stated | None = None
    """What the file says of its own sensitivity; None where it was not looked for."""
    original: bytes | None = field(default=None, repr=False)
    """The bytes that it was read from, where they are kept."""
    language: str = ""
    """BCP 47 tag of what most of the text is written in; empty where that is not certain."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A version that was read at a path, and the access list that its source states."""

    path: str
    version: NewVersion
    access: AccessList


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment of the manifest."""

    name: str
    digest: str
    rows: int
    model: str
    generation: int = 0


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
    document.c.author,
    document.c.modified_at,
)
_LIVE = document.c.state == "live"

# Statements of every request are made once: making one costs more than running it.
_BY_ID = sa.select(*_DOCUMENT).where(_LIVE, document.c.id == sa.bindparam("id"))
_BY_IDS = Listed(sa.select(*_DOCUMENT).where(_LIVE), document.c.id)
_CHUNK_COLUMNS = (chunk.c.ordinal, chunk.c.start, chunk.c.end, chunk.c.page, chunk.c.heading, chunk.c.text)
_PLACE = (chunk.c.document, chunk.c.version, chunk.c.ordinal)
_CHUNKS = Listed(sa.select(chunk.c.document, chunk.c.version, *_CHUNK_COLUMNS), *_PLACE)
_LISTS = sa.select(access_class.c.id, access_class.c.allow, access_class.c.deny, access_class.c.sensitivity)
_LISTS_AFTER = _LISTS.where(access_class.c.id > sa.bindparam("after")).order_by(access_class.c.id)
_LIST = _LISTS.where(access_class.c.id == sa.bindparam("number"))
_LISTS_AT = Listed(_LISTS, access_class.c.id)


def documents(connection: sa.Connection, source_name: str | None = None) -> list[DocumentRow]:
    """Return the live documents, ordered by id."""
    query = sa.select(*_DOCUMENT).where(_LIVE).order_by(document.c.id)
    if source_name is not None:
        query = query.where(document.c.source == source_name)
    return [DocumentRow(*row) for row in connection.execute(query)]


def get_document(connection: sa.Connection, document_id: str) -> DocumentRow | None:
    """Return a live document, or None."""
    row = connection.execute(_BY_ID, {"id": document_id}).first()
    return DocumentRow(*row) if row else None


def get_documents(connection: sa.Connection, ids: Sequence[str]) -> dict[str, DocumentRow]:
    """Return the live ones of up to 500 documents, by id."""
    return {row[0]: DocumentRow(*row) for row in _BY_IDS.rows(connection, [(one,) for one in ids])}


_CHANGE = (
    document.c.id,
    sa.case((_LIVE, document.c.version), else_=0).label("version"),
    document.c.access_class,
    document.c.source,
    document.c.path,
    document.c.media_type,
    document.c.author,
    document.c.modified_at,
)


_CHANGED = sa.select(*_CHANGE).where(document.c.epoch > sa.bindparam("epoch"))


def changes_since(connection: sa.Connection, epoch: int) -> dict[str, Change]:
    """Return the state of every document that changed after `epoch` (content and access revisions added up)."""
    rows = connection.execute(_CHANGED, {"epoch": epoch})
    return {row[0]: Change(*row[1:]) for row in rows}


def changes_of(connection: sa.Connection, documents: Sequence[str]) -> dict[str, Change]:
    """Return the state of these documents; one that is not known is left out."""
    found: dict[str, Change] = {}
    for part in in_parts(documents):
        query = sa.select(*_CHANGE).where(document.c.id.in_(part))
        found |= {row[0]: Change(*row[1:]) for row in connection.execute(query)}
    return found


def with_chunks(connection: sa.Connection) -> dict[str, Change]:
    """Return the state of every live document that has something to be indexed."""
    mine = sa.and_(chunk.c.document == document.c.id, chunk.c.version == document.c.version)
    query = sa.select(*_CHANGE).where(_LIVE, sa.exists().where(mine))
    return {row[0]: Change(*row[1:]) for row in connection.execute(query)}


def document_at(connection: sa.Connection, source_name: str, path: str) -> DocumentRow | None:
    """Return the live document at a path of a source, or None."""
    query = sa.select(*_DOCUMENT).where(_LIVE, document.c.source == source_name, document.c.path == path)
    row = connection.execute(query).first()
    return DocumentRow(*row) if row else None


def documents_at(connection: sa.Connection, source_name: str, paths: Sequence[str]) -> Iterator[DocumentRow]:
    """Yield the live documents at these paths of a source, in no order."""
    for part in in_parts(paths):
        query = sa.select(*_DOCUMENT).where(
            document.c.source == source_name, document.c.path.in_(part), _LIVE
        )
        for row in connection.execute(query):
            yield DocumentRow(*row)


def in_parts(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the paths in parts that one statement may name."""
    for start in range(0, len(paths), 500):
        yield paths[start : start + 500]


def version_row(connection: sa.Connection, document_id: str, version: int) -> VersionRow | None:
    """Return a stored version, or None; one that is withheld is not there."""
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
            table.language,
        ).where(table.document == document_id, table.version == version, table.withheld == 0)
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
        row.language,
    )


@dataclass(frozen=True, slots=True)
class VersionMade:
    """What a version was read from, and how it was cut."""

    digest: str
    chunking: str
    """Empty where it was not recorded."""
    title: str


def versions_made(
    connection: sa.Connection, places: Collection[tuple[str, int]]
) -> dict[tuple[str, int], VersionMade]:
    """Return what is known of up to 500 stored versions; one that is not there is left out."""
    table = document_version.c
    wanted = set(places)
    if not wanted:
        return {}
    query = sa.select(table.document, table.version, table.content_hash, table.chunking, table.title).where(
        table.document.in_(sorted({name for name, _ in wanted})),
        table.version.in_(sorted({version for _, version in wanted})),
    )
    rows = connection.execute(query)
    found = {
        (row.document, row.version): VersionMade(row.content_hash, row.chunking, row.title) for row in rows
    }
    return {place: made for place, made in found.items() if place in wanted}


def versions_at(connection: sa.Connection, documents: Collection[str], at: str) -> dict[str, int]:
    """Return the versions that were current at a time, by document; one that was not there yet is left out."""
    table = document_version.c
    query = (
        sa.select(table.document, sa.func.max(table.version))
        .where(table.document.in_(sorted(documents)), table.stored_at <= at)
        .group_by(table.document)
    )
    return {name: int(version) for name, version in connection.execute(query)}


def versions_before_later_ones(connection: sa.Connection, at: str) -> dict[str, int]:
    """Return what was current at a time of every document that has a version stored later; 0: nothing was."""
    table = document_version.c
    then = sa.case((table.stored_at <= at, table.version), else_=0)
    query = (
        sa.select(table.document, sa.func.max(then))
        .group_by(table.document)
        .having(sa.func.max(table.stored_at) > at)
    )
    return {name: int(version) for name, version in connection.execute(query)}


def cut_otherwise(connection: sa.Connection, source_name: str, rules: Collection[str]) -> frozenset[str]:
    """Return the live documents of a source whose current version none of these rules cut."""
    versions, documents = document_version.c, document.c
    query = (
        sa.select(documents.id)
        .join(
            document_version,
            sa.and_(versions.document == documents.id, versions.version == documents.version),
        )
        .where(documents.source == source_name, documents.state == "live", versions.chunking.not_in(rules))
    )
    return frozenset(connection.execute(query).scalars())


def labels_unread(
    connection: sa.Connection, source_name: str, media_types: Collection[str]
) -> frozenset[str]:
    """Return the live documents of a source, of these types, of which nobody read what the file says of itself."""
    versions, documents = document_version.c, document.c
    here = sa.and_(versions.document == documents.id, versions.version == documents.version)
    query = (
        sa.select(documents.id)
        .join(document_version, here)
        .where(
            documents.source == source_name,
            documents.state == "live",
            versions.stated.is_(None),
            documents.media_type.in_(sorted(media_types)),
        )
    )
    return frozenset(connection.execute(query).scalars())


def version_text(connection: sa.Connection, document_id: str, version: int) -> str | None:
    """Return the text of a stored version, or None; one that is withheld is not there."""
    table = document_version.c
    return connection.execute(
        sa.select(table.text).where(
            table.document == document_id, table.version == version, table.withheld == 0
        )
    ).scalar()


_SLICE = Worded(
    sa.select(
        sa.func.substr(
            document_version.c.text,
            sa.bindparam("first", type_=sa.Integer),
            sa.bindparam("length", type_=sa.Integer),
        )
    ).where(
        document_version.c.document == sa.bindparam("document"),
        document_version.c.version == sa.bindparam("version"),
        sa.text("document_version.withheld = 0"),
    )
)


def version_slice(
    connection: sa.Connection, document_id: str, version: int, start: int, end: int
) -> str | None:
    """Return the characters `start` to `end` of a stored version, or None; one that is withheld is not there."""
    place = {"document": document_id, "version": version, "first": start + 1, "length": end - start}
    rows = _SLICE.rows(connection, **place)
    return rows[0][0] if rows else None


def chunk_texts(
    connection: sa.Connection, places: Sequence[tuple[str, int, int]]
) -> dict[tuple[str, int, int], ChunkText]:
    """Return up to 500 chunks by document, version and ordinal; one that is not there is left out."""
    rows = _CHUNKS.rows(connection, places)
    return {(row[0], row[1], row[2]): ChunkText(*row[2:]) for row in rows}


def chunks(connection: sa.Connection, document_id: str, version: int) -> list[ChunkText]:
    """Return every chunk of a version, in order."""
    table = chunk.c
    query = (
        sa.select(*_CHUNK_COLUMNS)
        .where(table.document == document_id, table.version == version)
        .order_by(table.ordinal)
    )
    return [ChunkText(*row) for row in connection.execute(query)]


def access_classes(connection: sa.Connection, after: int = 0) -> dict[int, AccessList]:
    """Return the access classes that documents share, by ascending number, those above `after`."""
    rows = connection.execute(_LISTS_AFTER, {"after": after})
    return {row.id: _access_list(row.allow, row.deny, row.sensitivity) for row in rows}


def access_class_at(connection: sa.Connection, number: int) -> AccessList | None:
    """Return one access class, or None."""
    row = connection.execute(_LIST, {"number": number}).first()
    return None if row is None else _access_list(row.allow, row.deny, row.sensitivity)


def access_lists(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, AccessList]:
    """Return up to 500 access classes by number; one that is not there or cannot be read is left out."""
    found: dict[int, AccessList] = {}
    for number, allow, deny, sensitivity in _LISTS_AT.rows(connection, [(one,) for one in numbers]):
        with suppress(ValueError, TypeError):
            found[number] = _access_list(allow, deny, sensitivity)
    return found


def _access_list(allow: str, deny: str, sensitivity: str | None) -> AccessList:
    return AccessList(frozenset(json.loads(allow)), frozenset(json.loads(deny)), sensitivity)


_SEGMENTS = sa.select(
    segment.c.name, segment.c.digest, segment.c.rows, segment.c.model, segment.c.generation
).order_by(segment.c.name)
_LIVE_SEGMENTS = _SEGMENTS.where(sa.text(f"segment.generation = {LIVE_GENERATION}"))


def segments(connection: sa.Connection) -> list[SegmentRow]:
    """Return the segments of the manifest that searches read, ordered by name."""
    return [SegmentRow(*row) for row in connection.execute(_LIVE_SEGMENTS)]


def every_segment(connection: sa.Connection) -> list[SegmentRow]:
    """Return the whole manifest, with what is being built beside the index in use, ordered by name."""
    return [SegmentRow(*row) for row in connection.execute(_SEGMENTS)]


def sources(connection: sa.Connection) -> list[SourceRow]:
    """Return the sources with the number of their live documents, ordered by name."""
    count = sa.select(sa.func.count()).where(document.c.source == source.c.name, _LIVE).scalar_subquery()
    table = source.c
    query = sa.select(table.name, table.kind, table.location, table.synced_at, count)
    query = query.where(table.name != NO_SOURCE).order_by(table.name)
    return [SourceRow(*row) for row in connection.execute(query)]


def is_leaving(connection: sa.Connection, source_name: str) -> bool:
    """Return whether a source is being removed."""
    query = sa.select(source.c.kind).where(source.c.name == source_name)
    return connection.execute(query).scalar() == LEAVING


def leaving(connection: sa.Connection) -> list[str]:
    """Return the sources that are being removed, by name."""
    query = sa.select(source.c.name).where(source.c.kind == LEAVING).order_by(source.c.name)
    return list(connection.execute(query).scalars())


_SOURCE_NAMES = sa.select(source.c.name).where(source.c.name != NO_SOURCE).order_by(source.c.name)


def source_names(connection: sa.Connection) -> list[str]:
    """Return the names of the sources, sorted."""
    return list(connection.execute(_SOURCE_NAMES).scalars())


def live_below(whole: bool) -> sa.ColumnElement[bool]:
    """Return the condition for live documents at a path and under it, in terms that the path's index serves.

    Its parameters are those of `below`; `whole` is for the whole source, whose path is empty.
    """
    mine = sa.and_(document.c.source == sa.bindparam("of_source"), _LIVE)
    if whole:
        return mine
    path = document.c.path
    # One range and not two, since the index serves no choice between ranges.
    near = sa.and_(path >= sa.bindparam("at_path"), path < sa.bindparam("behind"))
    return sa.and_(mine, near, sa.or_(path == sa.bindparam("at_path"), path > sa.bindparam("within")))


def below(source_name: str, folder: str) -> dict[str, str]:
    """Return the parameters of `live_below` for a folder of a source."""
    if not folder:
        return {"of_source": source_name}
    # "0" follows "/", so these are all paths that begin with the folder's name and a slash, and near ones before.
    return {"of_source": source_name, "at_path": folder, "within": folder + "/", "behind": folder + "0"}


_HOLDS = {whole: sa.select(sa.exists().where(live_below(whole))) for whole in (True, False)}


def holds(connection: sa.Connection, source_name: str, folder: str) -> bool:
    """Return whether a source has a live document at a path or under it."""
    return bool(connection.execute(_HOLDS[not folder], below(source_name, folder)).scalar())


def overrides(connection: sa.Connection, source_name: str) -> dict[str, AccessList]:
    """Return the access lists set by hand, by path; `""` is the whole source."""
    table, lists = access_override.c, access_class.c
    query = (
        sa.select(table.path, lists.allow, lists.deny, lists.sensitivity)
        .join(access_class, table.access_class == lists.id)
        .where(table.source == source_name)
    )
    return {row.path: _access_list(row.allow, row.deny, row.sensitivity) for row in connection.execute(query)}


def is_below(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or lies under it; `""` is the root."""
    return folder in ("", path) or path.startswith(folder + "/")
