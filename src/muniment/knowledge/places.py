"""What a search may be limited to: the sources, folders and types in which a reader may read something.

Invariants:
- a place is named only where the reader may read a document in it now;
- what is remembered are places by access class, never whose they are.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import Denied
from muniment.foundation.revisions import current
from muniment.governance.identity.principal import Principal
from muniment.knowledge import library
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval.visibility import visible
from muniment.knowledge.tables import document

MOST = 200
"""Folders that are offered."""


@dataclass(frozen=True, slots=True)
class Readable:
    """Where a reader may read something."""

    sources: tuple[str, ...] = ()
    folders: tuple[tuple[str, str], ...] = ()
    """Source and name of its uppermost folders, at most `MOST`."""
    types: tuple[str, ...] = ()
    """Media types."""


@dataclass(frozen=True, slots=True)
class _Known:
    epoch: int = -1
    groups: tuple[tuple[str, str, str, int], ...] = ()
    """Source, uppermost folder, media type and access class."""
    lists: Mapping[int, AccessList] | None = None


class Places:
    """The places of one workspace; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known = _Known()

    def readable(self, principal: Principal) -> Readable:
        """Return where a principal may read something now; nothing for one without an active account."""
        with self._database.read() as connection:
            # Before rights are worked out: after that the database may show this reader's rows alone.
            known = self._as_of(connection)
            try:
                sees = visible(connection, principal)
            except Denied:
                return Readable()
        lists = known.lists or {}
        classes = {number for number, access in lists.items() if sees.admits(access)}
        held = [one for one in known.groups if one[3] in classes]
        folders = sorted({(source, folder) for source, folder, _, _ in held if folder})
        return Readable(
            tuple(sorted({source for source, _, _, _ in held})),
            tuple(folders[:MOST]),
            tuple(sorted({media_type for _, _, media_type, _ in held})),
        )

    def _as_of(self, connection: sa.Connection) -> _Known:
        now = current(connection)
        epoch = now.content + now.access
        with self._lock:
            if self._known.epoch < epoch:
                self._known = _read(connection, epoch)
            return self._known


def _read(connection: sa.Connection, epoch: int) -> _Known:
    folder = _folder(connection.dialect.name)
    query = (
        sa.select(document.c.source, folder, document.c.media_type, document.c.access_class)
        .where(document.c.state == "live")
        .distinct()
    )
    groups = tuple((row[0], row[1], row[2], row[3]) for row in connection.execute(query))
    numbers = sorted({group[3] for group in groups})
    lists: dict[int, AccessList] = {}
    for start in range(0, len(numbers), 500):
        lists |= library.access_lists(connection, numbers[start : start + 500])
    return _Known(epoch, groups, lists)


def _folder(dialect: str) -> sa.ColumnElement[str]:
    """Return the uppermost folder of a path, empty for a document outside of all."""
    path = document.c.path
    cut = sa.func.strpos(path, "/") if dialect == "postgresql" else sa.func.instr(path, "/")
    return sa.case((cut > 0, sa.func.substr(path, 1, cut - 1)), else_="")
