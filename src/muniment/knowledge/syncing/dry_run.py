"""What passes over a source would read, counted without keeping anything."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import Unavailable
from muniment.knowledge.library import in_parts
from muniment.knowledge.sources.connector import Connector, ContentPage, CursorLost
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing import people
from muniment.knowledge.syncing.connection import Cursor, Feed
from muniment.knowledge.syncing.tables import source_item

_WHOLE = Cursor("", 0, True, 0.0, "")
_PAGES = 1_000_000
"""A feed that has more is one that never ends."""


@dataclass(slots=True)
class Counted:
    """What passes would read."""

    accounts: int = 0
    matched: int = 0
    """Accounts that are users here."""
    groups: int = 0
    lists: int = 0
    """Scopes that state who may read."""
    nobody: int = 0
    """Of them, those that let nobody in."""
    items: int = 0
    """Listed by the feed of content, from where it is."""
    new: int = 0
    changed: int = 0
    gone: int = 0
    unreadable: int = 0
    """Items of which the source says at once that they cannot be read."""


OnCounted = Callable[[Counted], None]


class DryRun:
    """Counts what a source has."""

    def __init__(self, database: Database, name: str) -> None:
        """`name` is that of a connected source; empty: of one that is not."""
        self._database = database
        self._name = name

    def run(
        self,
        connector: Connector,
        settings: SourceSettings,
        feeds: Collection[Feed],
        on_step: OnCounted = lambda _: None,
    ) -> Counted:
        """Return the counts; raises as the connector does."""
        counted = Counted()
        if "access" in feeds:
            found = people.known(connector.people(), settings)
            counted.accounts, counted.groups = len(found.accounts), len(found.teams)
            counted.matched = len(found.principals)
            self._access(connector, counted, on_step)
        if "content" in feeds:
            self._content(connector, counted, on_step)
        return counted

    def _access(self, connector: Connector, counted: Counted, on_step: OnCounted) -> None:
        at = self._cursor("access").at
        for _ in range(_PAGES):
            try:
                page = connector.access(at)
            except CursorLost:
                if not at:
                    raise
                at, counted.lists, counted.nobody = "", 0, 0
                continue
            counted.lists += len(page.scopes)
            counted.nobody += sum(not one.clauses or not all(one.clauses) for one in page.scopes.values())
            on_step(counted)
            if not page.more:
                return
            at = page.cursor
        raise Unavailable("The source lists who may read without an end.")

    def _content(self, connector: Connector, counted: Counted, on_step: OnCounted) -> None:
        cursor = self._cursor("content")
        at, whole, seen = cursor.at, cursor.whole, set[str]()
        for _ in range(_PAGES):
            try:
                page = connector.changes(at)
            except CursorLost:
                if not at:
                    raise
                at, whole, seen = "", True, set()
                counted.items = counted.new = counted.changed = counted.gone = counted.unreadable = 0
                continue
            self._take(page, counted, seen)
            on_step(counted)
            if not page.more:
                break
            at = page.cursor
        else:
            raise Unavailable("The source lists what there is without an end.")
        if whole:
            # A pass that goes on listed some of it before.
            counted.gone += max(0, self._unlisted(cursor) - len(seen))

    def _take(self, page: ContentPage, counted: Counted, seen: set[str]) -> None:
        known = self._known([*(one.id for one in page.items), *page.gone])
        listed = {one.id: one for one in page.items}
        for one in listed.values():
            revision = known.get(one.id)
            counted.items += 1
            counted.unreadable += bool(one.problem)
            counted.new += revision is None
            counted.changed += revision is not None and (not one.revision or revision != one.revision)
        counted.gone += len((set(page.gone) & known.keys()) - listed.keys())
        seen |= known.keys()

    def _cursor(self, feed: Feed) -> Cursor:
        if not self._name:
            return _WHOLE
        with self._database.read() as connection:
            found = connections.connected(connection, self._name)
        return _WHOLE if found is None else found.access if feed == "access" else found.content

    def _known(self, names: Collection[str]) -> dict[str, str]:
        """Return the revisions of those of these items that are stored."""
        found: dict[str, str] = {}
        with self._database.read() as connection:
            for part in in_parts(sorted(set(names))) if self._name else ():
                query = sa.select(source_item.c.id, source_item.c.revision).where(
                    source_item.c.source == self._name,
                    source_item.c.state != "unlisted",
                    source_item.c.id.in_(part),
                )
                found |= {row.id: row.revision for row in connection.execute(query)}
        return found

    def _unlisted(self, cursor: Cursor) -> int:
        """Return how many items the pass that is next, or goes on, did not list until now."""
        query = sa.select(sa.func.count()).where(
            source_item.c.source == self._name,
            source_item.c.state != "unlisted",
            source_item.c.listed != cursor.round,
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())
