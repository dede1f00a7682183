"""Who decides for whom, for a while: whoever stands in has to have the right to approve themselves.

Invariants:
- it is passed on by the person themselves, to a person, until a time; never further, and never twice over;
- it gives no right: it only says that one may be asked in the place of the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from muniment.actions.tables import approval_delegation
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, NotFound
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal

LONGEST = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Delegation:
    """One person in the place of another."""

    id: str
    from_person: str
    to_person: str
    until: str
    ended_at: str | None


class Delegations:
    """Who decides for whom in one workspace."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._ids = ids

    def make(self, who: Principal, to: Principal, lasts: timedelta, by: Actor) -> Delegation:
        """Let another person be asked in this one's place; raises BadInput for no person, or for too long."""
        if who.kind != "user" or to.kind != "user" or who.ref == to.ref:
            raise BadInput("Only a person can stand in for another.", fix="Name somebody else.")
        if not timedelta(minutes=1) <= lasts <= LONGEST:
            raise BadInput("It cannot last that long.", fix="Choose 1m to 60d.")
        made = self._ids.new("dlg")
        with self._database.write() as connection:
            if account_since(connection, to) is None:
                raise BadInput(f"{to.ref} is no active account.", fix="See `muniment directory list`.")
            now = self._clock.now()
            connection.execute(
                sa.insert(approval_delegation).values(
                    id=made,
                    from_person=who.ref,
                    to_person=to.ref,
                    until=timestamp(now + lasts),
                    made_at=timestamp(now),
                )
            )
            about = {"delegation": made, "from": who.ref, "to": to.ref, "until": timestamp(now + lasts)}
            self._audit.append(connection, [Entry("approvals.delegated", by, about)])
            return _of(connection.execute(_ONE, {"id": made}).one())

    def end(self, delegation: str, who: Principal, by: Actor) -> Delegation:
        """End one's own; again changes nothing. Raises NotFound for another's."""
        with self._database.write() as connection:
            row = connection.execute(_ONE, {"id": delegation}).first()
            if row is None or row.from_person != who.ref:
                raise NotFound("There is no such delegation.", fix="See `muniment approvals delegations`.")
            if row.ended_at is None:
                values = {"ended_at": timestamp(self._clock.now())}
                changed = sa.update(approval_delegation).where(approval_delegation.c.id == delegation)
                connection.execute(changed.values(**values))
                self._audit.append(
                    connection, [Entry("approvals.undelegated", by, {"delegation": delegation})]
                )
            return _of(connection.execute(_ONE, {"id": delegation}).one())

    def of(self, who: Principal) -> Sequence[Delegation]:
        """Return those from and to a person, newest first."""
        query = (
            sa.select(approval_delegation)
            .where(
                sa.or_(
                    approval_delegation.c.from_person == who.ref, approval_delegation.c.to_person == who.ref
                )
            )
            .order_by(approval_delegation.c.made_at.desc(), approval_delegation.c.id)
        )
        with self._database.read() as connection:
            return [_of(row) for row in connection.execute(query)]

    def to(self, connection: sa.Connection, who: Principal) -> Sequence[Principal]:
        """Return in whose place a person may be asked now."""
        now = self._clock.now()
        query = sa.select(approval_delegation).where(
            approval_delegation.c.to_person == who.ref, approval_delegation.c.ended_at.is_(None)
        )
        return [
            Principal("user", row.from_person.partition(":")[2])
            for row in connection.execute(query.order_by(approval_delegation.c.id))
            if datetime.fromisoformat(row.made_at) <= now < datetime.fromisoformat(row.until)
        ]

    def stand_ins(self, connection: sa.Connection, people: Collection[Principal]) -> frozenset[Principal]:
        """Return who may be asked in the place of one of these now."""
        now, of = self._clock.now(), {one.ref for one in people}
        open_now = sa.select(approval_delegation).where(approval_delegation.c.ended_at.is_(None))
        return frozenset(
            Principal("user", row.to_person.partition(":")[2])
            for row in connection.execute(open_now)
            if row.from_person in of
            and datetime.fromisoformat(row.made_at) <= now < datetime.fromisoformat(row.until)
        )


def _of(row: sa.Row[tuple[object, ...]]) -> Delegation:
    return Delegation(row.id, row.from_person, row.to_person, row.until, row.ended_at)


_ONE = sa.select(approval_delegation).where(approval_delegation.c.id == sa.bindparam("id"))
