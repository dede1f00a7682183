"""Keeps who may read what equal to what a source says of it.

Invariants:
- a pass needs no content and waits for none;
- the lease is renewed only when accounts, groups and every list were read to the end, and runs from when that began;
- a page and its cursor commit together, with the audit entry of what moved: a killed pass goes on where it was;
- what a whole pass did not state is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import MunimentError, NotFound
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity import outside
from muniment.governance.identity.outside import Lease
from muniment.knowledge import changes
from muniment.knowledge.access import NOBODY, AccessList
from muniment.knowledge.library import in_parts
from muniment.knowledge.sources.connector import AccessPage, Connector, CursorLost, Stated
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing import people, scopes
from muniment.knowledge.syncing.connection import Connected
from muniment.knowledge.syncing.people import Known
from muniment.knowledge.syncing.tables import source_item, source_scope


@dataclass(slots=True)
class AccessReport:
    """What a pass over access did."""

    accounts: int = 0
    matched: int = 0
    """Accounts that are users here."""
    groups: int = 0
    lists: int = 0
    """Scopes that were stated anew or again."""
    documents: int = 0
    """Whose readers changed."""
    seconds: float = 0.0


OnPage = Callable[[AccessReport], None]
Scopes = Mapping[str, Stated | None]
"""What scopes state; None for one that is no more."""


class AccessPass:
    """Reads the access of connected sources."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def run(
        self,
        name: str,
        connector: Connector,
        settings: SourceSettings,
        by: Actor,
        on_page: OnPage = lambda _: None,
    ) -> AccessReport:
        """Read who may read what to the end and renew the lease.

        Raises as the connector does; what was read until then holds, and the lease is as it was.
        """
        started, report = self._clock.seconds(), AccessReport()
        try:
            began = self._begin(name)
            found = people.known(connector.people(), settings)
            report.accounts, report.groups = len(found.accounts), len(found.teams)
            report.matched = len(found.principals)
            self._meet(name, found, by, report)
            while self._page(name, connector, found, by, report):
                on_page(report)
            self._finish(name, settings, found, began, by)
        except MunimentError as error:
            with self._database.write() as connection:
                connections.failed(connection, name, "access", str(error))
            raise
        report.seconds = self._clock.seconds() - started
        return report

    def _begin(self, name: str) -> float:
        """Return when the pass began; one that goes on began when it did."""
        with self._database.write() as connection:
            known = self._known(connection, name)
            if known.access_began:
                return known.access_began
            now = self._clock.now().timestamp()
            connections.begin_access(connection, name, now)
        return now

    def _meet(self, name: str, found: Known, by: Actor, report: AccessReport) -> None:
        """Store accounts and groups, what users here hold of them, and the lists that depend on that."""
        digest = found.digest()
        with self._database.write() as connection:
            if self._known(connection, name).people == digest:
                return
            people.store(connection, name, found)
            depending = scopes.depending(connection, name, scopes.PEOPLE)
            held = scopes.held(found, depending.values())
            moved = outside.put_entries(connection, name, held)
            report.documents += self._rule(connection, name, found, depending)
            if moved:
                about = {"source": name, "entries": moved}
                self._audit.append(connection, [Entry("source.people_changed", by, about)])
            connections.keep_people(connection, name, digest)

    def _page(self, name: str, connector: Connector, found: Known, by: Actor, report: AccessReport) -> bool:
        """Take one page in; return whether the pass goes on."""
        with self._database.read() as connection:
            cursor = self._known(connection, name).access.at
        try:
            page = connector.access(cursor)
        except CursorLost:
            with self._database.write() as connection:
                connections.restart(connection, name, "access", self._known(connection, name).access)
                connections.begin_access(connection, name, self._clock.now().timestamp())
            if not cursor:
                raise
            return True
        with self._database.write() as connection:
            known = self._known(connection, name)
            moved = self._take(connection, name, page, found, known.access.round)
            if not page.more:
                moved += self._leave_out(connection, name, found, known)
            report.lists += len(page.scopes)
            report.documents += moved
            if moved:
                about = {"source": name, "documents": moved}
                self._audit.append(connection, [Entry("source.access_changed", by, about)])
            connections.advance(connection, name, "access", page.cursor)
        return page.more

    def _take(self, connection: sa.Connection, name: str, page: AccessPage, found: Known, round_: int) -> int:
        unread = self._unread(connection, name, page)
        scopes.put(connection, name, page.scopes, round_)
        gone = set(page.gone) - page.scopes.keys()
        self._drop(connection, name, gone)
        if any(scopes.depends(stated) for stated in page.scopes.values()):
            self._hold(connection, name, found)
        moved = self._rule(connection, name, found, {**page.scopes, **dict.fromkeys(gone)})
        return moved + self._place(connection, name, page, found, round_, unread)

    def _hold(self, connection: sa.Connection, name: str, found: Known) -> None:
        depending = scopes.depending(connection, name, scopes.PEOPLE)
        outside.put_entries(connection, name, scopes.held(found, depending.values()))
        scopes.state_ours(connection, name)

    def _drop(self, connection: sa.Connection, name: str, gone: Collection[str]) -> None:
        if gone:
            here = sa.and_(source_scope.c.source == name, source_scope.c.id == sa.bindparam("of"))
            connection.execute(sa.delete(source_scope).where(here), [{"of": one} for one in gone])

    def _rule(self, connection: sa.Connection, name: str, found: Known, stated: Scopes) -> int:
        """Give the documents of these scopes the lists that they have now; return how many changed."""
        lists = {scope: _list(name, one, found) for scope, one in stated.items()}
        wanted: dict[str, AccessList] = {}
        for part in in_parts(sorted(lists)):
            query = sa.select(source_item.c.document, source_item.c.scope).where(
                source_item.c.source == name,
                source_item.c.scope.in_(part),
                source_item.c.document.is_not(None),
                source_item.c.state != "dead",
            )
            wanted |= {row.document: lists[row.scope] for row in connection.execute(query)}
        return changes.set_source_access(connection, wanted, name)

    def _place(
        self,
        connection: sa.Connection,
        name: str,
        page: AccessPage,
        found: Known,
        round_: int,
        unread: Collection[str],
    ) -> int:
        """Put items into the scopes that the page names for them; those not yet listed wait for that."""
        before: dict[str, tuple[str, str | None]] = {}
        for part in in_parts(sorted(page.items)):
            query = sa.select(source_item).where(source_item.c.source == name, source_item.c.id.in_(part))
            for row in connection.execute(query):
                before[row.id] = (row.scope, None if row.state == "dead" else row.document)
        to = {**page.items, **dict.fromkeys(unread, "")}
        here = sa.and_(source_item.c.source == name, source_item.c.id == sa.bindparam("of"))
        known = [{"of": one, "to": to[one], "at": round_} for one in before]
        if known:
            values = {"scope": sa.bindparam("to"), "ruled": sa.bindparam("at")}
            connection.execute(sa.update(source_item).where(here).values(values), known)
        new = [
            {
                "source": name,
                "id": one,
                "path": "",
                "revision": "",
                "facts": "{}",
                "scope": scope,
                "state": "unlisted",
                "ruled": round_,
            }
            for one, scope in page.items.items()
            if one not in before
        ]
        if new:
            connection.execute(sa.insert(source_item), new)
        moved = {
            document: to[one]
            for one, (scope, document) in before.items()
            if document is not None and scope != to[one]
        }
        stated = scopes.stated_of(connection, name, set(moved.values()))
        lists = {scope: _list(name, one, found) for scope, one in stated.items()}
        wanted = {document: lists.get(scope, NOBODY) for document, scope in moved.items()}
        return changes.set_source_access(connection, wanted, name)

    def _unread(self, connection: sa.Connection, name: str, page: AccessPage) -> frozenset[str]:
        """Return items that go into no scope: who may read what they are now may never have read what they were."""
        placed: dict[str, str] = {}
        for part in in_parts(sorted(page.revisions.keys() & page.items.keys())):
            query = sa.select(source_item).where(
                source_item.c.source == name, source_item.c.id.in_(part), source_item.c.document.is_not(None)
            )
            for row in connection.execute(query):
                if not (row.state == "stored" and row.revision.startswith(page.revisions[row.id])):
                    placed[row.id] = row.scope
        before = scopes.stated_of(connection, name, {*placed.values(), *(page.items[one] for one in placed)})
        now = {**before, **page.scopes}
        return frozenset(
            one
            for one, scope in placed.items()
            if not scopes.is_within(now.get(page.items[one]), before.get(scope))
        )

    def _leave_out(self, connection: sa.Connection, name: str, found: Known, known: Connected) -> int:
        """After a whole pass, make nobody's what it did not state."""
        if not known.access.whole:
            return 0
        old = sa.and_(source_scope.c.source == name, source_scope.c.ruled != known.access.round)
        gone = list(connection.execute(sa.select(source_scope.c.id).where(old)).scalars())
        self._drop(connection, name, gone)
        moved = self._rule(connection, name, found, dict.fromkeys(gone))
        unstated = sa.and_(
            source_item.c.source == name, source_item.c.scope != "", source_item.c.ruled != known.access.round
        )
        query = sa.select(source_item.c.document).where(unstated, source_item.c.document.is_not(None))
        wanted = dict.fromkeys(connection.execute(query).scalars(), NOBODY)
        connection.execute(sa.delete(source_item).where(unstated, source_item.c.state == "unlisted"))
        connection.execute(sa.update(source_item).where(unstated).values(scope=""))
        return moved + changes.set_source_access(connection, wanted, name)

    def _finish(self, name: str, settings: SourceSettings, found: Known, began: float, by: Actor) -> None:
        """Renew the lease, and tidy what no list needs any more."""
        with self._database.write() as connection:
            known = self._known(connection, name)
            now = self._clock.now().timestamp()
            self._hold(connection, name, found)
            outside.renew(connection, name, Lease(began, began + settings.lease_seconds))
            connections.end(connection, name, "access", known.access, known.access.at, now)
            connections.begin_access(connection, name, 0.0)
            about = {"source": name}
            if known.alarmed and began + settings.lease_seconds > now:
                connections.set_alarmed(connection, name, False)
                self._audit.append(connection, [Entry("source.served_again", by, about)])

    def _known(self, connection: sa.Connection, name: str) -> Connected:
        found = connections.connected(connection, name)
        if found is None or found.state == "leaving":
            raise NotFound(f"No connected source named {name}.", fix="See `muniment sources list`.")
        return found


def _list(name: str, stated: Stated | None, found: Known) -> AccessList:
    return NOBODY if stated is None else scopes.access_list(name, stated, found)
