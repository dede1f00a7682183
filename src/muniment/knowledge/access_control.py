"""Showing and setting who may read a document or a folder, by hand.

Invariants: the change, its revision and its audit entry commit together; the change is felt by the next read.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import EVERYONE
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList, nearest
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.sources.manifest import check_entry


@dataclass(frozen=True, slots=True)
class AccessView:
    """Who may read a document, and which rule says so."""

    document: DocumentRow
    access: AccessList
    rule: str
    """`source` (its manifests) or `set by hand`."""


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What a change moved."""

    source: str
    path: str
    documents: tuple[str, ...]


class AccessControl:
    """The access lists of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, directory: Directory, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._directory = directory
        self._clock = clock

    def show(self, target: str) -> list[AccessView]:
        """Return the access of a document, or of every document below a folder; raises BadInput for neither."""
        with self._database.read() as connection:
            source, path = _locate(connection, target)
            classes = library.access_classes(connection)
            by_hand = library.overrides(connection, source)
            return [
                AccessView(
                    row,
                    classes[row.access_class],
                    "source" if nearest(row.path, by_hand) is None else "set by hand",
                )
                for row in library.documents(connection, source)
                if library.is_below(row.path, path)
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

    def _apply(self, target: str, access: AccessList | None, by: Actor) -> AccessChange:
        with self._database.write() as connection:
            source, path = _locate(connection, target)
            at = timestamp(self._clock.now())
            moved = changes.set_override(connection, source, path, access, at)
            about = {
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
