"""Showing and setting who may read a document or a folder, by hand.

Invariants:
- the change, its revision and its audit entry commit together; the change is felt by the next read;
- what is confirmed after a preview is what was shown, or nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import EVERYONE, Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.knowledge import changes, document_labels, library
from muniment.knowledge.access import AccessList, nearest
from muniment.knowledge.access_preview import Preview, preview
from muniment.knowledge.document_labels import NOTHING, Reason
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.sources.manifest import check_entry
from muniment.knowledge.syncing import connection as connections


@dataclass(frozen=True, slots=True)
class AccessView:
    """Who may read a document, and which rule says so."""

    document: DocumentRow
    access: AccessList
    rule: str
    """`source` (its manifests) or `set by hand`."""
    raised_by: tuple[Reason, ...] = ()
    """What raises the label above that rule's."""


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What a change moved."""

    source: str
    path: str
    documents: tuple[str, ...]


class AccessControl:
    """The access lists of one workspace."""

    def __init__(
        self, database: Database, audit: AuditLog, directory: Directory, clock: Clock, gate: Gate
    ) -> None:
        self._database = database
        self._audit = audit
        self._directory = directory
        self._clock = clock
        self._gate = gate

    def show(self, target: str) -> list[AccessView]:
        """Return the access of a document, or of every document below a folder; raises BadInput for neither."""
        with self._database.read() as connection:
            source, path = _locate(connection, target)
            classes = library.access_classes(connection)
            by_hand = library.overrides(connection, source)
            rows = [row for row in library.documents(connection, source) if library.is_below(row.path, path)]
            labels = document_labels.labels_of(connection, [row.id for row in rows])
            return [
                AccessView(
                    row,
                    classes[row.access_class],
                    "source" if nearest(row.path, by_hand) is None else "set by hand",
                    labels.get(row.id, NOTHING).reasons,
                )
                for row in rows
            ]

    def set(
        self,
        target: str,
        allow: Collection[str],
        deny: Collection[str],
        by: Actor,
        sensitivity: str | None = None,
    ) -> AccessChange:
        """Replace what the source states for a document or folder; it holds until cleared. Raises BadInput."""
        self._check([*allow, *deny])
        return self._apply(target, AccessList(frozenset(allow), frozenset(deny), sensitivity), by)

    def clear(self, target: str, by: Actor) -> AccessChange:
        """Let the source's own manifests rule again; raises BadInput for an unknown target."""
        return self._apply(target, None, by)

    def preview(
        self, source: str, place: str, access: AccessList | None, who: Principal, by: Actor
    ) -> Preview:
        """Return who would gain and lose by a list at a place of a source, None: by none set by hand any more.

        Raises BadInput for a place where nothing lies and an entry that names nobody, NotPermitted where policy does
        not let `who` set it.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "set_access", Resource("Source", source))
            _refuse_connected(connection, source)
            path = _within(connection, source, place)
            found = preview(connection, source, path, access)
        self._check([] if access is None else [*access.allow, *access.deny])
        about = {**stated, "source": source, "target": self._audit.commitment(path), "digest": found.digest}
        self._audit.record([Entry("access.previewed", by, about)])
        return found

    def confirm(
        self, source: str, place: str, access: AccessList | None, digest: str, who: Principal, by: Actor
    ) -> AccessChange:
        """Set, or with None clear, what a preview of this digest showed.

        Raises as `preview` does, and Conflict where it would do something else by now.
        """
        self._check([] if access is None else [*access.allow, *access.deny])
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "set_access", Resource("Source", source))
            path = _within(connection, source, place)
            if preview(connection, source, path, access).digest != digest:
                raise Conflict(
                    "This would do something else than what you were shown.", fix="Look at the preview again."
                )
            return self._moved(connection, source, path, access, by, stated)

    def _apply(self, target: str, access: AccessList | None, by: Actor) -> AccessChange:
        with self._database.write() as connection:
            source, path = _locate(connection, target)
            return self._moved(connection, source, path, access, by, {})

    def _moved(
        self,
        connection: sa.Connection,
        source: str,
        path: str,
        access: AccessList | None,
        by: Actor,
        stated: Mapping[str, str],
    ) -> AccessChange:
        _refuse_connected(connection, source)
        moved = changes.set_override(connection, source, path, access, timestamp(self._clock.now()))
        about = {
            **stated,
            "source": source,
            "target": self._audit.commitment(path),
            "documents": len(moved),
            "access": None if access is None else access.digest(),
            "document": moved[0] if len(moved) == 1 else None,
        }
        kind = "access.cleared" if access is None else "access.set"
        self._audit.append(connection, [Entry(kind, by, about)])
        return AccessChange(source, path, tuple(moved))

    def _check(self, entries: Collection[str]) -> None:
        for entry in entries:
            check_entry(entry, "access")
            if not self._directory.knows(entry):
                close = difflib.get_close_matches(entry, self._known(), 3)
                hint = f"Did you mean {', '.join(close)}?" if close else "See `muniment directory list`."
                raise BadInput(f"The directory holds no {entry}.", fix=hint)

    def _known(self) -> list[str]:
        listing = self._directory.listing()
        named = (("user", listing.users), ("group", listing.groups), ("service", listing.services))
        return [EVERYONE, *(f"{kind}:{one.name}" for kind, found in named for one in found)]


def _refuse_connected(connection: sa.Connection, source: str) -> None:
    """Raise BadInput for a source that itself says who may read: a list set here could be wider than it."""
    if connections.connected(connection, source) is not None:
        raise BadInput(
            f"Who may read {source} is decided where its documents come from.",
            fix="Change it there; to stop all reading at once, freeze the source with `muniment incident`.",
        )


def _within(connection: sa.Connection, source: str, place: str) -> str:
    """Return the path that a document id or path names within a source; raises BadInput where nothing lies there."""
    place = place.strip().strip("/")
    row = library.get_document(connection, place) if storable(place) else None
    if row is not None and row.source == source:
        return row.path
    if not storable(place) or not library.holds(connection, source, place):
        raise BadInput(
            "Nothing lies there.",
            fix="Write a document's id, or the path of a document or folder of this source.",
        )
    return place


def _locate(connection: sa.Connection, target: str) -> tuple[str, str]:
    """Return source and path of a document id, `SOURCE`, `SOURCE/PATH`, or a path that only one source holds."""
    row = library.get_document(connection, target)
    if row is not None:
        return row.source, row.path
    trimmed = target.strip("/")
    names = library.source_names(connection)
    head, _, rest = trimmed.partition("/")
    if head in names and (not rest or library.holds(connection, head, rest)):
        return head, rest
    holders = [name for name in names if trimmed and library.holds(connection, name, trimmed)]
    if len(holders) == 1:
        return holders[0], trimmed
    if holders:
        raise BadInput(f"{target} lies in several sources.", fix=f"Write {holders[0]}/{trimmed}.")
    raise BadInput(
        f"No document or folder {target}.",
        fix="Name a document id or SOURCE/PATH; see `muniment sources list`.",
    )
