"""The log is copied to other places, each at its own pace.

Invariants:
- a place is given entries in order and without a gap, and is not taken to have one before it said so;
- what it has not taken waits in the database for as long as it takes; no request waits for a place;
- a place that is too far behind raises an alarm in the log; a required one then stops the log, and so all work.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.repeating import repeated
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.sinks.sink import Copied, Sink, Untaken
from muniment.governance.audit.sinks.tables import audit_sink
from muniment.governance.audit.tables import audit_entry, audit_tree

LOOK_SECONDS = 5.0
MOST_BATCHES = 100
"""Of one look."""
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=10)
_ITSELF = Actor("muniment", "python")


@dataclass(frozen=True, slots=True)
class Place:
    """A place that gets a copy."""

    sink: Sink
    kind: str
    alarm_seconds: float
    """Its oldest missing entry may be this old before there is an alarm."""
    required: bool = False
    """Nothing is done while it is behind."""
    from_now: bool = False
    """It starts with what is logged next, not with the first entry."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a copy is."""

    name: str
    kind: str
    required: bool
    next: int
    """The first entry that is missing there."""
    backlog: int
    """Entries that are missing there."""
    oldest_at: str
    """When the first of them was logged; empty for none."""
    tries: int
    """In vain, in a row."""
    failure: str
    taken_at: str
    """When it last took something; empty for never."""
    behind: bool
    """It is behind for longer than is allowed."""

    def as_json(self) -> dict[str, object]:
        """Return it as the interfaces show it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Copies:
    """The copies of one workspace's log."""

    def __init__(
        self, *, database: Database, audit: AuditLog, places: Mapping[str, Place], clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._places = places
        self._clock = clock

    @contextmanager
    def watched(self) -> Generator[None]:
        """Copy, every few seconds, while the block runs: no place waits for another.

        A required place that was behind before holds up the log from the start.
        """
        for name, place in self._places.items():
            if place.required:
                self._look(name, place)
        with ExitStack() as stack:
            for name in self._places:
                work = partial(self.copy, name)
                stack.enter_context(repeated(f"audit-sink-{name}", LOOK_SECONDS, work))
            yield

    def copy(self, name: str, now: bool = False) -> int:
        """Give a place what is due; return how many entries it took.

        Where another process does that, only the alarm is looked at. `now` holds nothing back for a fuller batch
        and does not wait after a failure.
        """
        place, taken = self._places[name], 0
        try:
            with self._database.alone(f"audit-sink-{name}"):
                row = self._row(name, place)
                while taken < MOST_BATCHES * place.sink.batch.entries and (
                    given := self._next(row, place, now)
                ):
                    if not self._give(row, place, given):
                        break
                    taken += len(given)
                    row = self._row(name, place)
        except Conflict:
            pass
        self._look(name, place)
        return taken

    def copy_now(self, name: str | None = None) -> Mapping[str, int]:
        """Give a place, or each, all that is missing; return how many entries each took. Raises BadInput."""
        if name is not None and name not in self._places:
            known = ", ".join(sorted(self._places)) or "none"
            raise BadInput(f"There is no audit sink {name}.", fix=f"The settings name {known}.")
        return {one: self.copy(one, now=True) for one in sorted(self._places) if name in (None, one)}

    def standing(self) -> Sequence[Standing]:
        """Return how far each copy is, by name."""
        with self._database.read() as connection:
            return [self._standing(connection, name, place) for name, place in sorted(self._places.items())]

    def _row(self, name: str, place: Place) -> sa.Row[Any]:
        query = sa.select(audit_sink).where(audit_sink.c.name == name)
        with self._database.read() as connection:
            found = connection.execute(query).first()
        if found is not None:
            return found
        with self._database.write() as connection:
            size = connection.execute(_SIZE).scalar() or 0
            begins = size if place.from_now else 0
            empty = dict.fromkeys(("due_at", "failure", "taken_at", "behind_at"), "")
            connection.execute(sa.insert(audit_sink).values(name=name, next=begins, tries=0, **empty))
            about: dict[str, Json] = {"sink": name, "sink_kind": place.kind, "from": begins}
            self._audit.append(connection, [Entry("audit.sink_began", _ITSELF, about)])
        return self._row(name, place)

    def _next(self, row: sa.Row[Any], place: Place, now: bool) -> list[Copied]:
        """Return what is due, as much as is taken at once."""
        batch, at = place.sink.batch, self._clock.now()
        if not now and row.due_at > timestamp(at):
            return []
        query = (
            sa.select(audit_entry.c.seq, audit_entry.c.at, audit_entry.c.kind, audit_entry.c.body)
            .where(audit_entry.c.seq >= row.next)
            .order_by(audit_entry.c.seq)
            .limit(batch.entries)
        )
        found, size = list[Copied](), 0
        with self._database.read() as connection:
            for one in connection.execute(query):
                size += len(one.body)
                if found and size > batch.size:
                    return found
                found.append(Copied(one.seq, one.at, one.kind, one.body))
        full = len(found) == batch.entries
        if found and not full and not now and _age(found[0].at, at) < batch.wait:
            return []
        return found

    def _give(self, row: sa.Row[Any], place: Place, entries: Sequence[Copied]) -> bool:
        try:
            if entries[0].seq != row.next:
                raise Untaken("the log has a gap")
            place.sink.take(entries)
        except Untaken as error:
            wait = min(_FIRST_WAIT * 2 ** min(row.tries, 20), _LONGEST_WAIT)
            due = timestamp(self._clock.now() + wait)
            self._change(row.name, tries=row.tries + 1, due_at=due, failure=str(error)[:200])
            return False
        taken = timestamp(self._clock.now())
        self._change(row.name, next=entries[-1].seq + 1, tries=0, due_at="", failure="", taken_at=taken)
        return True

    def _change(self, name: str, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(sa.update(audit_sink).where(audit_sink.c.name == name).values(**values))

    def _look(self, name: str, place: Place) -> None:
        """Raise the alarm or end it; hold up the log while a required place is behind."""
        with self._database.read() as connection:
            found = self._standing(connection, name, place)
        late = bool(found.oldest_at) and _age(found.oldest_at, self._clock.now()) > place.alarm_seconds
        if late != found.behind:
            self._say(found, late)
        if place.required:
            self._audit.withhold(name, late)

    def _say(self, found: Standing, late: bool) -> None:
        about: dict[str, Json] = {"sink": found.name, "backlog": found.backlog}
        if late:
            about |= {"oldest": found.next, "since": found.oldest_at, "failure": found.failure}
        kind = "audit.sink_behind" if late else "audit.sink_caught_up"
        was = audit_sink.c.behind_at == "" if late else audit_sink.c.behind_at != ""
        at = timestamp(self._clock.now()) if late else ""
        with self._database.write() as connection:
            changed = connection.execute(
                sa.update(audit_sink).where(audit_sink.c.name == found.name, was).values(behind_at=at)
            )
            if changed.rowcount == 1:
                self._audit.append(connection, [Entry(kind, _ITSELF, about)])

    def _standing(self, connection: sa.Connection, name: str, place: Place) -> Standing:
        row = connection.execute(sa.select(audit_sink).where(audit_sink.c.name == name)).first()
        size = connection.execute(_SIZE).scalar() or 0
        begins = size if place.from_now else 0
        position = begins if row is None else row.next
        oldest = connection.execute(sa.select(audit_entry.c.at).where(audit_entry.c.seq == position)).scalar()
        return Standing(
            name=name,
            kind=place.kind,
            required=place.required,
            next=position,
            backlog=max(0, size - position),
            oldest_at=oldest or "",
            tries=0 if row is None else row.tries,
            failure="" if row is None else row.failure,
            taken_at="" if row is None else row.taken_at,
            behind=row is not None and bool(row.behind_at),
        )


def _age(at: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(at)).total_seconds()


_SIZE = sa.select(audit_tree.c.size)
