"""Emergency access: a role for a person for a while, asked for with a reason, approved by a second person.

Invariants:
- nobody approves what they asked for, or what is for themselves;
- it gives a role and no more: what a rule forbids stays forbidden, and no document opens by it;
- it ends by itself, on record, and an ended one never comes back;
- each step commits with an entry of its own kind.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.duration import spelled
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.ids import Ids
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason, conflict_in, role_named
from muniment.governance.policy.tables import emergency_access
from muniment.governance.policy.temporary import TemporaryRoles

LONGEST = timedelta(hours=8)
SHORTEST = timedelta(minutes=1)
WAITS = timedelta(hours=24)
"""How long a request can be approved."""
LOOK_SECONDS = 5.0
"""How often a server looks for what has ended."""
_BY_TIME = Actor("muniment", "python")

State = Literal["waiting", "lapsed", "in force", "ended"]


@dataclass(frozen=True, slots=True)
class Emergency:
    """One request for emergency access, and what became of it."""

    id: str
    subject: str
    role: str
    reason: str
    lasts: timedelta
    requested_by: str
    requested_at: str
    approved_by: str | None
    expires_at: str | None
    ended_at: str | None
    ended_by: str | None
    state: State


class Emergencies:
    """The emergency access of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        temporary: TemporaryRoles,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._temporary = temporary
        self._clock = clock
        self._ids = ids

    def request(
        self, subject: Principal, role: str, lasts: timedelta, reason: str, who: Principal, by: Actor
    ) -> Emergency:
        """Ask for a role for a person, for a while; it gives nothing until a second person approves.

        Raises BadInput for another account, role or time, Conflict where it conflicts with a role held or was asked
        for before, NotPermitted where policy does not let `who` ask.
        """
        role, why = role_named(role), checked_reason(reason)
        if subject.kind != "user" or role == "service":
            raise BadInput("Emergency access is for people.", fix="Name a user, and a role of people.")
        if not SHORTEST <= lasts <= LONGEST:
            raise BadInput(
                f"Emergency access cannot last {spelled(lasts)}.",
                fix=f"Choose {spelled(SHORTEST)} to {spelled(LONGEST)}.",
            )
        with self._gate.recorded(by), self._database.write() as connection:
            made = self._ids.new("emg")
            stated = self._gate.check(
                connection, who, "request_emergency", _resource(made, who.ref, subject.ref)
            )
            self._check_roles(connection, subject, role)
            values: dict[str, object] = {
                "id": made,
                "subject": subject.ref,
                "since": account_since(connection, subject),
                "role": role,
                "reason": why,
                "seconds": int(lasts.total_seconds()),
                "requested_by": who.ref,
                "requested_at": timestamp(self._clock.now()),
            }
            connection.execute(sa.insert(emergency_access).values(**values))
            about = {"for": subject.ref, "role": role, "seconds": int(lasts.total_seconds())}
            said = {**stated, **about, "emergency": made, "reason": self._audit.commitment(why)}
            self._audit.append(connection, [Entry("emergency.requested", by, said)])
            return self._read(_row(connection, made))

    def approve(self, emergency: str, who: Principal, by: Actor) -> Emergency:
        """Let a request begin now; raises NotPermitted for its own people, Conflict where it no longer waits."""
        with self._gate.recorded(by), self._database.write() as connection:
            row = _row(connection, emergency)
            found = self._read(row)
            target = _resource(found.id, found.requested_by, found.subject)
            stated = self._gate.check(connection, who, "approve_emergency", target)
            if found.state != "waiting":
                raise Conflict(f"{found.id} is {found.state}.", fix="Ask again.")
            kind, _, name = found.subject.partition(":")
            subject = Principal("user", name)
            if kind != "user" or account_since(connection, subject) != row.since:
                raise Conflict(f"{found.subject} is no longer the account that asked.", fix="Ask again.")
            self._check_roles(connection, subject, found.role, found.id)
            now = self._clock.now()
            values = {
                "approved_by": who.ref,
                "approved_at": timestamp(now),
                "expires_at": timestamp(now + found.lasts),
            }
            connection.execute(_change(found.id).values(**values))
            about = {"for": found.subject, "role": found.role, "expires": values["expires_at"]}
            self._audit.append(
                connection, [Entry("emergency.approved", by, {**stated, **about, "emergency": found.id})]
            )
            return self._read(_row(connection, found.id))

    def end(self, emergency: str, who: Principal | None, by: Actor) -> Emergency:
        """End it now, or take the request back; again changes nothing. Raises NotPermitted as policy says."""
        with self._gate.recorded(by), self._database.write() as connection:
            found = self._read(_row(connection, emergency))
            target = _resource(found.id, found.requested_by, found.subject)
            stated = self._gate.check(connection, who, "end_emergency", target)
            if found.ended_at is None:
                self._end(connection, found, by, by.ref, dict(stated))
            return self._read(_row(connection, found.id))

    def end_overdue(self) -> int:
        """End on record what time has ended; return how many."""
        with self._database.read() as connection:
            if not self._overdue(connection):
                return 0
        with self._database.write() as connection:
            overdue = self._overdue(connection)
            for found in overdue:
                self._end(connection, found, _BY_TIME, "time", {})
        return len(overdue)

    def watched(self) -> AbstractContextManager[None]:
        """End what time has ended, every few seconds, while the block runs."""
        # A database that cannot be written now is tried again; nothing is given meanwhile.
        return repeated("emergencies", LOOK_SECONDS, self.end_overdue)

    def listing(self) -> list[Emergency]:
        """Return all of them, newest first."""
        query = sa.select(emergency_access).order_by(
            emergency_access.c.requested_at.desc(), emergency_access.c.id
        )
        with self._database.read() as connection:
            return [self._read(row) for row in connection.execute(query).all()]

    def _overdue(self, connection: sa.Connection) -> list[Emergency]:
        rows = connection.execute(_OPEN).all()
        return [self._read(row) for row in rows if not self._temporary.lasts(row) and self._over(row)]

    def _over(self, row: sa.Row[tuple[object, ...]]) -> bool:
        # Before its beginning, by a clock that jumped back, it gives nothing but has not ended.
        return self._clock.now() >= datetime.fromisoformat(row.approved_at)

    def _end(
        self, connection: sa.Connection, found: Emergency, by: Actor, ended_by: str, stated: dict[str, Json]
    ) -> None:
        at = timestamp(self._clock.now())
        connection.execute(_change(found.id).values(ended_at=at, ended_by=ended_by))
        about = {"emergency": found.id, "for": found.subject, "role": found.role, "ended_by": ended_by}
        self._audit.append(connection, [Entry("emergency.ended", by, {**stated, **about})])

    def _check_roles(self, connection: sa.Connection, subject: Principal, role: str, but: str = "") -> None:
        held = self._policy.standing(connection, subject).roles
        pair = conflict_in({*held, role})
        if pair is not None and role in pair:
            raise Conflict(
                f"{subject.ref} would be {pair[0]} and {pair[1]}, which nobody may be together.",
                fix="Choose somebody else.",
            )
        same = sa.select(emergency_access).where(
            emergency_access.c.subject == subject.ref,
            emergency_access.c.role == role,
            emergency_access.c.ended_at.is_(None),
        )
        for row in connection.execute(same).all():
            found = self._read(row)
            if found.id != but and found.state in ("waiting", "in force"):
                raise Conflict(f"{found.id} is {found.state} for the same.", fix="Approve or end that one.")

    def _read(self, row: sa.Row[tuple[object, ...]]) -> Emergency:
        return Emergency(
            row.id,
            row.subject,
            row.role,
            row.reason,
            timedelta(seconds=row.seconds),
            row.requested_by,
            row.requested_at,
            row.approved_by,
            row.expires_at,
            row.ended_at,
            row.ended_by,
            self._state(row),
        )

    def _state(self, row: sa.Row[tuple[object, ...]]) -> State:
        if row.ended_at is not None:
            return "ended"
        if row.approved_at is not None:
            return "in force" if self._temporary.lasts(row) else "ended"
        asked = datetime.fromisoformat(row.requested_at)
        return "waiting" if asked <= self._clock.now() < asked + WAITS else "lapsed"


_OPEN = sa.select(emergency_access).where(
    emergency_access.c.approved_at.is_not(None), emergency_access.c.ended_at.is_(None)
)


def _change(emergency: str) -> sa.Update:
    return sa.update(emergency_access).where(emergency_access.c.id == emergency)


def _resource(emergency: str, requester: str, subject: str) -> Resource:
    return Resource("Emergency", emergency, {"requester": requester, "subject": subject})


def _row(connection: sa.Connection, emergency: str) -> sa.Row[tuple[object, ...]]:
    found = connection.execute(sa.select(emergency_access).where(emergency_access.c.id == emergency)).first()
    if found is None:
        raise BadInput(f"There is no emergency access '{emergency}'.", fix="See `muniment emergency list`.")
    return found
