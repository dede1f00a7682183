"""Connected sources by hand: adding and trying one, reading it now, how it stands, pausing it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity import outside
from muniment.governance.identity.outside import Lease
from muniment.knowledge import changes, library, withdrawal
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import Checked, Connector, Notice, Notifies
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing import items
from muniment.knowledge.syncing.access_pass import AccessPass, AccessReport
from muniment.knowledge.syncing.connection import Connected, Feed
from muniment.knowledge.syncing.content_pass import ContentPass, ContentReport
from muniment.knowledge.syncing.dry_run import Counted, DryRun, OnCounted
from muniment.knowledge.syncing.items import Dead
from muniment.knowledge.syncing.patience import Patient
from muniment.knowledge.syncing.removal import WAIT_SECONDS, OnStep, Removal, Removed, alone
from muniment.knowledge.syncing.tables import source_account, source_item, source_scope, source_team

_CALLING = Actor("muniment", "http")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connected source stands."""

    connected: Connected
    lease: Lease | None
    """None: its access was never read to the end."""
    served: bool
    """Whether its documents are shown to those who may read them."""
    age: float | None
    """Seconds since the reading of access began that is in force; no revocation made earlier is missed."""
    items: Mapping[str, int]
    """By state: waiting, stored, dead, unlisted."""


class Sources:
    """The connected sources of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        doors: Doors,
        access_pass: AccessPass,
        content_pass: Callable[[], ContentPass],
        removal: Callable[[], Removal],
    ) -> None:
        """`content_pass` and `removal` are asked for only when they work: access needs no model and no index."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._doors = doors
        self._access_pass = access_pass
        self._content_pass = content_pass
        self._removal = removal

    def add(self, name: str, kind: str, stated: Mapping[str, object], by: Actor) -> Connected:
        """Connect a source, or give a connected one of that kind other settings; nothing is read yet.

        With other settings its documents are withheld until access was read with them; where they lead to another
        place, its documents are removed.

        Raises BadInput, and Conflict where the name belongs to another source.
        """
        check_name(name)
        settings = kinds.settings_of(kind, stated)
        with self._database.write() as connection:
            row = next((one for one in library.sources(connection) if one.name == name), None)
            known = connections.connected(connection, name)
            if library.is_leaving(connection, name):
                raise Conflict(f"The source {name} is being removed.", fix="Wait until that is done.")
            if row is not None and (known is None or known.kind != kind):
                how = f"of the kind {row.kind}" if known else "read by hand"
                raise Conflict(f"There is a source {name} already, {how}.", fix="Choose another name.")
            if known is not None and _lasting(known.stated) != _lasting(_plain(settings)):
                self._unsettle(connection, known, _plain(settings))
            changes.put_source(connection, name, kind, place_of(stated), timestamp(self._clock.now()))
            connections.put(connection, name, settings)
            about = {"source": name, "type": kind}
            self._audit.append(connection, [Entry("source.connected", by, about)])
            found = connections.connected(connection, name)
        if found is None:
            raise NotFound(f"No connected source named {name}.")
        return found

    def test(self, kind: str, stated: Mapping[str, object]) -> Checked:
        """Try a connection without keeping anything; raises BadInput, Unavailable, NotSetUp."""
        with self._opened(kind, kinds.settings_of(kind, stated)) as connector:
            return connector.check()

    def preview(
        self,
        kind: str,
        stated: Mapping[str, object],
        feeds: Collection[Feed],
        name: str = "",
        on_step: OnCounted = lambda _: None,
    ) -> Counted:
        """Count what passes would read, without keeping anything; of a connected source, from where its feeds are."""
        settings = kinds.settings_of(kind, stated)
        with self._opened(kind, settings) as connector:
            return DryRun(self._database, name).run(connector, settings, feeds, on_step)

    def sync_access(
        self, name: str, by: Actor, on_page: Callable[[AccessReport], None] = lambda _: None
    ) -> AccessReport:
        """Read who may read what, to the end; raises Conflict where another process does so."""
        with alone(self._database, name, "access"):
            known = self._staying(name)
            settings = known.settings()
            with self._opened(known.kind, settings) as connector:
                return self._access_pass.run(name, connector, settings, by, on_page)

    def sync_content(
        self,
        name: str,
        by: Actor,
        on_step: Callable[[str, ContentReport], None] = lambda _stage, _report: None,
    ) -> ContentReport:
        """Read what is new or changed; raises Conflict where another process does so."""
        with alone(self._database, name, "content"):
            known = self._staying(name)
            with self._opened(known.kind, known.settings()) as connector:
                return self._content_pass().run(name, connector, by, on_step)

    def get(self, name: str) -> Connected:
        """Return a connected source; raises NotFound."""
        with self._database.read() as connection:
            return _found(connection, name)

    def listing(self) -> list[Standing]:
        """Return how each connected source stands, by name."""
        with self._database.read() as connection:
            leases = outside.leases(connection)
            return [
                self._standing(connection, one, leases) for one in connections.every_connected(connection)
            ]

    def standing(self, name: str) -> Standing:
        """Return how one stands; raises NotFound."""
        with self._database.read() as connection:
            return self._standing(connection, _found(connection, name), outside.leases(connection))

    def pause(self, name: str, by: Actor) -> None:
        """Read a source no more; its documents are withheld when its lease runs out."""
        self._set_state(name, "paused", "source.paused", by)

    def resume(self, name: str, by: Actor) -> None:
        """Read a paused source again."""
        self._set_state(name, "active", "source.resumed", by)

    def remove(
        self,
        name: str,
        by: Actor,
        on_step: OnStep = lambda _step, _done, _total: None,
        wait: float = WAIT_SECONDS,
    ) -> Removed:
        """Remove a source, connected or read by hand, with everything of it; raises as `Removal.run`.

        Nobody reads it from the beginning on. One that was cut short goes on.
        """
        if not storable(name):
            raise NotFound("No source of this name.", fix="See `muniment sources list`.")
        return self._removal().run(name, by, on_step, wait)

    def leaving(self) -> list[str]:
        """Return the sources whose removal has begun and not ended, by name."""
        with self._database.read() as connection:
            return library.leaving(connection)

    def dead(self, name: str, after: str = "", limit: int = 500) -> list[Dead]:
        """Return items that were given up, behind an id."""
        with self._database.read() as connection:
            _found(connection, name)
            return items.dead(connection, name, after, limit)

    def retry(self, name: str, ids: list[str] | None, by: Actor) -> int:
        """Let items that were given up be read again with the next pass, with None all of them; return how many."""
        with self._database.write() as connection:
            _found(connection, name)
            count = items.retry(connection, name, ids)
            self._audit.append(connection, [Entry("source.retried", by, {"source": name, "items": count})])
        return count

    def notice(
        self,
        name: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes,
        admit: Callable[[], None] = lambda: None,
    ) -> Notice | None:
        """Take a call of the source; None where it does not prove that it comes from there, or none such is known.

        `admit` is called once it is proven, and may raise.
        """
        with self._database.read() as connection:
            known = connections.connected(connection, name) if storable(name) else None
        if known is None or known.state != "active":
            return None
        found = self._proven(known, headers, query, body)
        if found is not None:
            admit()
        if found is not None and (found.access or found.content):
            with self._database.write() as connection:
                connections.wake(connection, name)
                about = {"source": name, "access": found.access, "content": found.content}
                self._audit.append(connection, [Entry("source.called", _CALLING, about)])
        return found

    def _unsettle(self, connection: sa.Connection, known: Connected, stated: Mapping[str, object]) -> None:
        """Rely no more on what was read with other settings."""
        outside.suspend(connection, known.name)
        if known.stated is None or _places(known.stated) != _places(stated):
            withdrawal.clear(connection, known.name, timestamp(self._clock.now()))
            for table in (source_item, source_scope, source_account, source_team):
                connection.execute(sa.delete(table).where(table.c.source == known.name))
            outside.forget(connection, known.name)

    def _proven(
        self, known: Connected, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> Notice | None:
        try:
            with self._connector(known.kind, known.settings()) as connector:
                return connector.notice(headers, query, body) if isinstance(connector, Notifies) else None
        except Exception:
            # Whoever sent it chose every byte: what cannot be looked at proves nothing.
            return None

    def _standing(self, connection: sa.Connection, known: Connected, leases: Mapping[str, Lease]) -> Standing:
        now = self._clock.now().timestamp()
        lease = leases.get(known.name)
        return Standing(
            connected=known,
            lease=lease,
            served=lease is not None and lease.runs(now),
            age=None if lease is None else max(0.0, now - lease.as_of),
            items=items.counts(connection, known.name),
        )

    def _staying(self, name: str) -> Connected:
        with self._database.read() as connection:
            return connections.staying(connection, name)

    def _set_state(self, name: str, state: connections.State, kind: str, by: Actor) -> None:
        with self._database.write() as connection:
            if _found(connection, name).state == "leaving":
                raise Conflict(f"The source {name} is being removed.")
            connections.set_state(connection, name, state)
            self._audit.append(connection, [Entry(kind, by, {"source": name})])

    @contextmanager
    def _opened(self, kind: str, settings: SourceSettings) -> Generator[Connector]:
        with self._connector(kind, settings) as connector:
            yield Patient(connector)

    @contextmanager
    def _connector(self, kind: str, settings: SourceSettings) -> Generator[Connector]:
        connector = kinds.connect(kind, settings, self._doors)
        try:
            yield connector
        finally:
            connector.close()


def check_name(name: str) -> None:
    """Raise BadInput for what cannot name a source."""
    if not storable(name) or not name.isprintable() or not name or set("/:") & set(name):
        raise BadInput(f"{name!r} cannot name a source.", fix="Use letters, digits and dashes.")


_PLACES = ("root", "url", "site", "server", "bucket", "repository", "workspace")
_WHERE = (*_PLACES, "host", "port", "share", "tenant", "drive", "database", "mailbox", "branch", "endpoint")
"""Settings that lead to other items when they change, which may bear the same ids."""


def _plain(settings: SourceSettings) -> Mapping[str, object]:
    return settings.model_dump(mode="json", exclude_unset=True)


def _lasting(stated: Mapping[str, object] | None) -> Mapping[str, object] | None:
    """Return the settings without those that say only when to look."""
    hours = ("access_seconds", "content_seconds")
    return None if stated is None else {key: one for key, one in stated.items() if key not in hours}


def _places(stated: Mapping[str, object]) -> dict[str, object]:
    return {key: stated[key] for key in _WHERE if key in stated}


def place_of(stated: Mapping[str, object]) -> str:
    """Return where a source lies, in words that hold no secret."""
    for key in _PLACES:
        if isinstance(stated.get(key), str):
            return str(stated[key])
    return ""


def _found(connection: sa.Connection, name: str) -> Connected:
    found = connections.connected(connection, name) if storable(name) else None
    if found is None:
        raise NotFound(f"No connected source named {name}.", fix="See `muniment sources list`.")
    return found
