"""Every change to the library.

Invariant: it runs inside one transaction with the audit entry of what is done, and bumps the revision it moves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.errors import Conflict
from muniment.foundation.ids import derived_id
from muniment.governance.frozen import is_frozen
from muniment.knowledge import document_labels
from muniment.knowledge.access import NOBODY, AccessList, nearest
from muniment.knowledge.document_labels import NOTHING, DocumentLabel, raised, raised_only
from muniment.knowledge.library import (
    ChunkText,
    DocumentRow,
    NewDocument,
    NewVersion,
    SegmentRow,
    access_class_at,
    below,
    documents_at,
    get_documents,
    in_parts,
    is_below,
    is_leaving,
    live_below,
    overrides,
)
from muniment.knowledge.name_labels import NameLabel
from muniment.knowledge.quarantine import STANDS, held_in
from muniment.knowledge.tables import (
    LEAVING,
    NO_SOURCE,
    access_class,
    access_override,
    chunk,
    document,
    document_label,
    document_version,
    name_label,
    segment,
    source,
    version_original,
)

_CLASS = sa.select(access_class.c.id).where(access_class.c.digest == sa.bindparam("key"))
_FORGET_LABEL = sa.delete(name_label).where(
    name_label.c.document == sa.bindparam("of"),
    name_label.c.version == sa.bindparam("at"),
    name_label.c.ordinal == sa.bindparam("number"),
)
_USED = sa.or_(
    sa.exists().where(document.c.access_class == sa.bindparam("number")),
    sa.exists().where(document.c.source_access_class == sa.bindparam("number")),
    sa.exists().where(access_override.c.access_class == sa.bindparam("number")),
)
_DROP_UNUSED = sa.delete(access_class).where(access_class.c.id == sa.bindparam("number"), ~_USED)
_RULE_HERE = sa.and_(
    access_override.c.source == sa.bindparam("of_source"), access_override.c.path == sa.bindparam("at_path")
)
_RULE_AT = sa.select(access_override.c.access_class).where(_RULE_HERE)
_FORGET_RULE = sa.delete(access_override).where(_RULE_HERE)
_RULES = sa.select(access_override.c.path, access_override.c.access_class).where(
    access_override.c.source == sa.bindparam("of_source")
)
_HELD_BACK = {
    whole: sa.update(document)
    .where(live_below(whole), STANDS)
    .values(access_class=sa.bindparam("number"), epoch=sa.bindparam("reached"))
    for whole in (True, False)
}
_ANY_HELD = {whole: sa.select(sa.exists().where(live_below(whole), STANDS)) for whole in (True, False)}
_RULED_ONE = (
    sa.update(document)
    .where(document.c.id == sa.bindparam("of"))
    .values(access_class=sa.bindparam("number"), epoch=sa.bindparam("reached"))
)
_BELOW = {
    whole: sa.select(document.c.id, document.c.access_class).where(live_below(whole)).order_by(document.c.id)
    for whole in (True, False)
}
_RULED = {
    (whole, stated): sa.update(document)
    .where(live_below(whole))
    .values(
        access_class=sa.bindparam("number") if stated else document.c.source_access_class,
        epoch=sa.bindparam("reached"),
    )
    for whole in (True, False)
    for stated in (True, False)
}
_LABELLED = {
    whole: sa.select(document.c.access_class, document_label.c.label)
    .join(document_label, document_label.c.document == document.c.id)
    .where(live_below(whole), document_label.c.label != "")
    .distinct()
    for whole in (True, False)
}
_RAISED = {
    whole: sa.update(document)
    .where(
        live_below(whole),
        document.c.access_class == sa.bindparam("from_class"),
        document.c.id.in_(
            sa.select(document_label.c.document).where(document_label.c.label == sa.bindparam("raised_to"))
        ),
    )
    .values(access_class=sa.bindparam("to_class"))
    for whole in (True, False)
}


_STATED = (
    sa.update(document)
    .where(document.c.id == sa.bindparam("of"))
    .values(source_access_class=sa.bindparam("stated"), access_class=sa.bindparam("effective"))
)


def class_of(connection: sa.Connection, access: AccessList) -> int:
    """Return the id of the class that shares this access list, made when new."""
    key = access.digest()
    found = connection.execute(_CLASS, {"key": key}).scalar()
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
    """Record a source, or its new location; raises Conflict for one that is being removed."""
    known = connection.execute(sa.select(source.c.kind).where(source.c.name == name)).scalar()
    if known == LEAVING:
        raise Conflict(f"The source {name} is being removed.", fix="Wait until that is done.")
    if known is None:
        connection.execute(sa.insert(source).values(name=name, kind=kind, location=location, created_at=at))
    else:
        connection.execute(sa.update(source).where(source.c.name == name).values(location=location))


def mark_synced(connection: sa.Connection, name: str, at: str) -> None:
    """Record that a source was read to its end."""
    connection.execute(sa.update(source).where(source.c.name == name).values(synced_at=at))


def put_versions(
    connection: sa.Connection,
    identifier_key: bytes,
    source_name: str,
    new: Sequence[NewDocument],
    at: str,
    judged: Mapping[str, DocumentLabel] | None = None,
) -> list[DocumentRow]:
    """Store new documents, or the next versions of those at their paths, and return them in order.

    No path may come twice. Their text is searchable once indexed. `judged` says by path what raises a version; what
    raised earlier ones goes on. Raises
    Conflict for a source that is being removed.
    """
    if is_leaving(connection, source_name):
        raise Conflict(f"The source {source_name} is being removed.")
    paths = [one.path for one in new]
    known = {row.path: row for row in documents_at(connection, source_name, paths)}
    before = document_labels.labels_of(connection, [row.id for row in known.values()])
    labels = {
        path: raised_only(before.get(known[path].id, NOTHING) if path in known else NOTHING, one)
        for path, one in ((path, (judged or {}).get(path, NOTHING)) for path in paths)
    }
    new_paths = [path for path in paths if path not in known]
    earlier = _earlier(connection, identifier_key, source_name, new_paths)
    rule = _Rule(connection, source_name)
    rows = [
        _row(
            identifier_key,
            source_name,
            one,
            known.get(one.path),
            earlier.get(one.path, 0),
            rule,
            at,
            labels[one.path],
        )
        for one in new
    ]
    _write_documents(connection, rows, known, next_epoch(connection))
    document_labels.store(connection, {row.id: labels[row.path] for row in rows}, at)
    drop_labels(connection, [row.id for row in known.values()])
    _write_versions(connection, [(row, one.version) for row, one in zip(rows, new, strict=True)], rule, at)
    if rows:
        revisions.bump(connection, "content")
    if any(row.path in known and known[row.path].access_class != row.access_class for row in rows):
        revisions.bump(connection, "access")
    return rows


class _Rule:
    """The class that rules for a document: nobody's while its source is frozen or its content is held back, else the
    list set by hand nearest to it, else what its source states; the latter two as high as the document's label."""

    def __init__(self, connection: sa.Connection, source_name: str) -> None:
        self._connection = connection
        self._by_hand = overrides(connection, source_name)
        self._frozen = is_frozen(connection, "source", source_name)
        self._held = held_in(connection, source_name)
        self._classes: dict[AccessList, int] = {}

    def classes(
        self, path: str, stated: AccessList, label: str, document_id: str | None, content_hash: str
    ) -> tuple[int, int]:
        """Return the classes that the source states and that rules."""
        if self._frozen or self.holds(document_id, content_hash):
            return self._class(stated), self._class(NOBODY)
        by_hand = nearest(path, self._by_hand)
        return self._class(stated), self._class(raised(stated if by_hand is None else by_hand, label))

    def holds(self, document_id: str | None, content_hash: str) -> bool:
        """Return whether this content of a document is held back."""
        return (document_id, content_hash) in self._held

    def _class(self, access: AccessList) -> int:
        if access not in self._classes:
            self._classes[access] = class_of(self._connection, access)
        return self._classes[access]


def _row(
    identifier_key: bytes,
    source_name: str,
    new: NewDocument,
    known: DocumentRow | None,
    earlier: int,
    rule: _Rule,
    at: str,
    label: DocumentLabel,
) -> DocumentRow:
    name = known.id if known else derived_id(identifier_key, "doc", source_name, new.path, str(earlier))
    source_class, effective = rule.classes(new.path, new.access, label.label, name, new.version.content_hash)
    return DocumentRow(
        id=name,
        source=source_name,
        path=new.path,
        title=new.version.title,
        media_type=new.version.media_type,
        version=known.version + 1 if known else 1,
        content_hash=new.version.content_hash,
        access_class=effective,
        source_access_class=source_class,
        changed_at=at,
        author=new.version.author,
        modified_at=new.version.modified_at,
    )


def _earlier(
    connection: sa.Connection, identifier_key: bytes, source_name: str, paths: Sequence[str]
) -> dict[str, int]:
    """Return how many documents began at each path before, those of a source of this name that was removed too."""
    path_of = {tombstone(identifier_key, source_name, path): path for path in paths}
    found = _origins(connection, source_name, paths)
    for origin, count in _origins(connection, NO_SOURCE, list(path_of)).items():
        found[path_of[origin]] = found.get(path_of[origin], 0) + count
    return found


def _origins(connection: sa.Connection, source_name: str, origins: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in in_parts(origins):
        query = (
            sa.select(document.c.origin, sa.func.count())
            .where(document.c.source == source_name, document.c.origin.in_(part))
            .group_by(document.c.origin)
        )
        found |= {origin: count for origin, count in connection.execute(query)}
    return found


def tombstone(identifier_key: bytes, source_name: str, path: str) -> str:
    """Return what stands for the path at which a document of a removed source began."""
    return derived_id(identifier_key, "gone", source_name, path)


def _write_documents(
    connection: sa.Connection, rows: Sequence[DocumentRow], known: Mapping[str, DocumentRow], epoch: int
) -> None:
    added = [
        _columns(row) | {"origin": row.path, "state": "live", "epoch": epoch}
        for row in rows
        if row.path not in known
    ]
    changed = [
        {f"new_{name}": value for name, value in _columns(row).items()} for row in rows if row.path in known
    ]
    if added:
        connection.execute(sa.insert(document), added)
    if changed:
        moved = ("title", "media_type", "version", "content_hash", "access_class", "source_access_class")
        moved = (*moved, "author", "modified_at")
        update = sa.update(document).where(document.c.id == sa.bindparam("new_id"))
        values = {name: sa.bindparam(f"new_{name}") for name in (*moved, "changed_at")}
        connection.execute(update.values(**values, epoch=epoch), changed)


def _write_versions(
    connection: sa.Connection, versions: Sequence[tuple[DocumentRow, NewVersion]], rule: _Rule, at: str
) -> None:
    texts: list[dict[str, Any]] = []
    pieces: list[dict[str, Any]] = []
    originals: list[tuple[DocumentRow, bytes]] = []
    for row, new in versions:
        texts.append(
            {
                "document": row.id,
                "version": row.version,
                "title": new.title,
                "content_hash": new.content_hash,
                "modified_at": new.modified_at,
                "stored_at": at,
                "units": json.dumps(list(new.units)),
                "notes": json.dumps(list(new.notes)),
                "text": new.text,
                "chunking": new.chunking,
                "stated": None if new.stated is None else json.dumps(new.stated.as_json()),
                "language": new.language,
                "withheld": int(rule.holds(row.id, new.content_hash)),
            }
        )
        pieces += [{"document": row.id, "version": row.version, **_columns(piece)} for piece in new.chunks]
        if new.original is not None:
            originals.append((row, new.original))
    if texts:
        connection.execute(sa.insert(document_version), texts)
    if pieces:
        connection.execute(sa.insert(chunk), pieces)
    for row, content in originals:
        values = {"document": row.id, "version": row.version, "content": content}
        connection.execute(sa.insert(version_original), values)


def _columns(row: DocumentRow | ChunkText | NameLabel) -> dict[str, Any]:
    """Return the values of a row by column; the standard way copies each of them."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def rename_document(connection: sa.Connection, document_id: str, path: str, at: str) -> None:
    """Move a live document to another path of its source; its versions and id stay."""
    connection.execute(
        sa.update(document)
        .where(document.c.id == document_id)
        .values(path=path, changed_at=at, epoch=next_epoch(connection))
    )
    revisions.bump(connection, "content")


def remove_document(connection: sa.Connection, document_id: str, at: str) -> None:
    """Take a document out of every reader's sight; its versions stay as evidence behind past answers."""
    nobody = class_of(connection, NOBODY)
    drop_labels(connection, [document_id])
    document_labels.drop(connection, [document_id])
    connection.execute(
        sa.update(document)
        .where(document.c.id == document_id)
        .values(
            state="removed",
            access_class=nobody,
            source_access_class=nobody,
            changed_at=at,
            epoch=next_epoch(connection),
        )
    )
    revisions.bump(connection, "content")
    revisions.bump(connection, "access")


def set_source_access(connection: sa.Connection, changes: Mapping[str, AccessList], source_name: str) -> int:
    """Apply the access lists that the source now states, by document id; return how many documents moved."""
    rule = _Rule(connection, source_name)
    labels = document_labels.labels_of(connection, list(changes))
    left: set[int] = set()
    moved: list[dict[str, Any]] = []
    for part in in_parts(list(changes)):
        for row in get_documents(connection, part).values():
            source_class, effective = rule.classes(
                row.path,
                changes[row.id],
                labels.get(row.id, NOTHING).label,
                row.id,
                row.content_hash,
            )
            if (source_class, effective) != (row.source_access_class, row.access_class):
                left |= {row.source_access_class, row.access_class}
                moved.append({"of": row.id, "stated": source_class, "effective": effective})
    if moved:
        connection.execute(_STATED.values(epoch=next_epoch(connection)), moved)
        drop_unused_classes(connection, left)
        revisions.bump(connection, "access")
    return len(moved)


def set_labels(connection: sa.Connection, labels: Mapping[str, DocumentLabel], at: str) -> int:
    """Store what raises live documents, and apply it to who may read them; return how many documents moved."""
    document_labels.store(connection, labels, at)
    stated: dict[str, dict[str, AccessList]] = {}
    for part in in_parts(sorted(labels)):
        for row in get_documents(connection, part).values():
            access = access_class_at(connection, row.source_access_class)
            stated.setdefault(row.source, {})[row.id] = NOBODY if access is None else access
    return sum(set_source_access(connection, lists, source_name) for source_name, lists in stated.items())


def set_override(
    connection: sa.Connection, source_name: str, path: str, access: AccessList | None, at: str
) -> list[str]:
    """Set (with None: clear) the list that rules at `path` and below; return the documents' ids.

    The cost grows with the documents below, not with their chunks.
    """
    here = {"of_source": source_name, "at_path": path}
    left = set(connection.execute(_RULE_AT, here).scalars())
    connection.execute(_FORGET_RULE, here)
    if access is not None:
        number = class_of(connection, access)
        row = {"source": source_name, "path": path, "access_class": number, "at": at}
        connection.execute(sa.insert(access_override), row)
    found = connection.execute(_BELOW[not path], below(source_name, path)).all()
    _rule_again(connection, source_name, path)
    drop_unused_classes(connection, left | {row.access_class for row in found})
    return [row.id for row in found]


def rule_documents(
    connection: sa.Connection, source_name: str, rows: Sequence[DocumentRow]
) -> list[DocumentRow]:
    """Work out anew who may read these documents, after their content was held back or let through; return them."""
    rule = _Rule(connection, source_name)
    epoch = next_epoch(connection)
    labels = document_labels.labels_of(connection, [row.id for row in rows])
    lists: dict[int, AccessList] = {}
    for number in {row.source_access_class for row in rows}:
        access = access_class_at(connection, number)
        lists[number] = NOBODY if access is None else access
    ruled = [
        replace(
            row,
            access_class=rule.classes(
                row.path,
                lists[row.source_access_class],
                labels.get(row.id, NOTHING).label,
                row.id,
                row.content_hash,
            )[1],
        )
        for row in rows
    ]
    moved = [
        {"of": row.id, "number": row.access_class, "reached": epoch}
        for row, before in zip(ruled, rows, strict=True)
        if row.access_class != before.access_class
    ]
    if moved:
        connection.execute(_RULED_ONE, moved)
        drop_unused_classes(connection, {row.access_class for row in rows})
        revisions.bump(connection, "access")
    return ruled


def rule_source(connection: sa.Connection, source_name: str) -> int:
    """Work out anew who may read each document of a source, after it was frozen or is so no more; return how many."""
    found = connection.execute(_BELOW[True], below(source_name, "")).all()
    _rule_again(connection, source_name, "")
    drop_unused_classes(connection, {row.access_class for row in found})
    return len(found)


def _rule_again(connection: sa.Connection, source_name: str, path: str) -> None:
    rows = connection.execute(_RULES, {"of_source": source_name})
    by_hand = {row.path: row.access_class for row in rows}
    # The wider rule first, so that the nearest is what stays.
    rules = {path: nearest(path, by_hand), **{one: by_hand[one] for one in by_hand if is_below(one, path)}}
    if is_frozen(connection, "source", source_name):
        rules = {path: class_of(connection, NOBODY)}
    epoch = next_epoch(connection)
    for at_path, effective in sorted(rules.items(), key=lambda rule: len(rule[0])):
        stated = {} if effective is None else {"number": effective}
        values = {**below(source_name, at_path), "reached": epoch, **stated}
        connection.execute(_RULED[not at_path, effective is not None], values)
    _raise_again(connection, source_name, path)
    if connection.execute(_ANY_HELD[not path], below(source_name, path)).scalar():
        number = class_of(connection, NOBODY)
        connection.execute(
            _HELD_BACK[not path], {**below(source_name, path), "number": number, "reached": epoch}
        )
    revisions.bump(connection, "access")


def _raise_again(connection: sa.Connection, source_name: str, path: str) -> None:
    """Lay the documents' labels over the classes that rule at `path` and below."""
    here = below(source_name, path)
    for number, label in connection.execute(_LABELLED[not path], here).all():
        access = access_class_at(connection, number)
        if access is not None and (higher := raised(access, label)) != access:
            values = {
                **here,
                "from_class": number,
                "raised_to": label,
                "to_class": class_of(connection, higher),
            }
            connection.execute(_RAISED[not path], values)


def next_epoch(connection: sa.Connection) -> int:
    """Return the epoch of the changes of this transaction: above every earlier one, and reached when it commits."""
    now = revisions.current(connection)
    return now.content + now.access + 1


def drop_unused_classes(connection: sa.Connection, numbers: Iterable[int]) -> None:
    """Forget those of these lists that nothing points to any more; a number is never given twice."""
    for number in numbers:
        connection.execute(_DROP_UNUSED, {"number": number})


def put_labels(connection: sa.Connection, labels: Sequence[NameLabel]) -> int:
    """Store the labels of chunks that are still current, in the place of earlier ones; return how many."""
    versions = {
        row.id: row.version
        for part in in_parts(sorted({one.document for one in labels}))
        for row in get_documents(connection, part).values()
    }
    current = [one for one in labels if versions.get(one.document) == one.version]
    if current:
        here = [{"of": one.document, "at": one.version, "number": one.ordinal} for one in current]
        connection.execute(_FORGET_LABEL, here)
        connection.execute(sa.insert(name_label), [_columns(one) for one in current])
    return len(current)


def drop_labels(connection: sa.Connection, documents: Sequence[str]) -> None:
    """Forget every label of these documents."""
    for part in in_parts(documents):
        connection.execute(sa.delete(name_label).where(name_label.c.document.in_(part)))


def add_segment(connection: sa.Connection, row: SegmentRow, at: str) -> None:
    """Enter a synced segment file into the manifest."""
    connection.execute(
        sa.insert(segment).values(
            name=row.name,
            digest=row.digest,
            rows=row.rows,
            model=row.model,
            generation=row.generation,
            created_at=at,
        )
    )


def drop_segments(connection: sa.Connection, names: Iterable[str]) -> None:
    """Take segments out of the manifest; the caller deletes their files after commit."""
    connection.execute(sa.delete(segment).where(segment.c.name.in_(list(names))))


def drop_generation(connection: sa.Connection, generation: int) -> int:
    """Take all segments of a generation out of the manifest, as `drop_segments` does; return how many."""
    return connection.execute(sa.delete(segment).where(segment.c.generation == generation)).rowcount


def mark_reindexed(connection: sa.Connection) -> None:
    """Tell readers that the manifest of segments moved."""
    revisions.bump(connection, "content")
