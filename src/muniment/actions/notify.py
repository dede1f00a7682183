"""People hear that something waits for them: when it starts to, when others are asked too, and before it expires.

Invariants:
- a notice holds a link, a time and nothing of the action; who is told is who could decide at that moment;
- each is a row before it is sent and has one id for ever: after a crash it is sent again under that id, never anew;
- no proposal waits for a mail server, and one that fails is tried again for hours, on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.delegations import Delegations
from muniment.actions.senders import Notice, Sends, Unsent
from muniment.actions.tables import action, notification
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.ids import derived_id
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.members import users_in
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.roles import members_of

LOOK_SECONDS = 5.0
MOST_TRIES = 12
"""Over about five hours."""
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_LEASE = timedelta(minutes=2)
"""How long a notice that is being sent is left to whoever sends it."""
_AT_ONCE = 50
Channel = Literal["mail", "webhook"]
May = Callable[[sa.Connection, Principal, sa.Row[Any]], bool]
"""Says whether a person could decide on an action now."""
_ITSELF = Actor("muniment", "python")


@dataclass(frozen=True, slots=True)
class Told:
    """How people of one workspace are told."""

    address: str
    """Where people reach the server."""
    remind: timedelta
    mail_of: Callable[[str], str]
    """Gives the mail address of a user by name, empty for none."""
    senders: Mapping[Channel, Sends]


class Notifications:
    """The notices of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        delegations: Delegations,
        may: May,
        told: Told,
        key: bytes,
        clock: Clock,
    ) -> None:
        """`key` makes the ids of notices."""
        self._database = database
        self._audit = audit
        self._delegations = delegations
        self._may = may
        self._told = told
        self._key = key
        self._clock = clock

    def watched(self) -> AbstractContextManager[None]:
        """Tell people, every few seconds, while the block runs."""
        return repeated("notifications", LOOK_SECONDS, self.sweep)

    def sweep(self) -> int:
        """Write down who has to be told, and tell whoever is due; return how many were told."""
        self.prepare()
        return self.send()

    def prepare(self) -> int:
        """Write down who has to be told of what waits; return how many notices that are."""
        with self._database.read() as connection:
            due = [(row.id, moment) for row in connection.execute(_WAITING) for moment in self._moments(row)]
            known = {(row.action, row.moment) for row in connection.execute(_KNOWN)}
        return sum(self._prepare(made, moment) for made, moment in due if (made, moment) not in known)

    def send(self) -> int:
        """Tell whoever is due; return how many were told."""
        query = (
            sa.select(notification)
            .where(notification.c.state == "due", notification.c.due_at <= timestamp(self._clock.now()))
            .order_by(notification.c.due_at, notification.c.id)
            .limit(_AT_ONCE)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return sum(self._send(row) for row in rows)

    def _moments(self, row: sa.Row[Any]) -> Iterator[str]:
        """Yield the moments of a waiting action that have come."""
        now, expires = self._clock.now(), _time(row.expires_at)
        if store.state_now(row, self._clock) != "waiting" or expires is None:
            return
        yield "waiting"
        escalates, made = _time(row.escalates_at), _time(row.created_at)
        if escalates is not None and escalates <= now:
            yield "escalated"
        reminds = expires - self._told.remind
        if self._told.remind and reminds <= now and (made is None or made < reminds):
            yield "expiring"

    def _prepare(self, made: str, moment: str) -> int:
        with self._database.write() as connection:
            row = store.row_of(connection, made)
            known = sa.select(notification.c.id).where(
                notification.c.action == made, notification.c.moment == moment
            )
            if row.state != "waiting" or connection.execute(known.limit(1)).first() is not None:
                return 0
            ways = [("webhook", "")] if "webhook" in self._told.senders else []
            if "mail" in self._told.senders:
                ways += [
                    ("mail", one.ref) for one in self._asked(connection, row) if self._told.mail_of(one.name)
                ]
            for channel, person in ways or [("none", "")]:
                self._insert(connection, made, moment, channel, person)
            about: dict[str, Json] = {"action": made, "moment": moment, "notices": len(ways)}
            self._audit.append(connection, [Entry("notification.prepared", _ITSELF, about)])
            return len(ways)

    def _asked(self, connection: sa.Connection, row: sa.Row[Any]) -> list[Principal]:
        """Return who could decide on an action now."""
        named = store.assigned_now(row, self._clock) or members_of(connection, "approver")
        people = users_in(connection, named)
        people |= self._delegations.stand_ins(connection, people)
        return sorted((one for one in people if self._may(connection, one, row)), key=lambda one: one.ref)

    def _insert(self, connection: sa.Connection, made: str, moment: str, channel: str, person: str) -> None:
        now = timestamp(self._clock.now())
        connection.execute(
            sa.insert(notification).values(
                id=derived_id(self._key, "ntf", made, moment, channel, person),
                action=made,
                moment=moment,
                channel=channel,
                person=person,
                state="void" if channel == "none" else "due",
                tries=0,
                due_at=now,
                made_at=now,
                changed_at=now,
            )
        )

    def _send(self, row: sa.Row[Any]) -> bool:
        claimed = self._claim(row)
        if claimed is None:
            return False
        notice, sender = claimed
        try:
            sender.send(notice, self._clock.now())
        except Unsent as error:
            self._failed(row, str(error))
            return False
        with self._database.write() as connection:
            if self._move(connection, row.id, "sent"):
                self._audit.append(connection, [Entry("notification.sent", _ITSELF, _about(row))])
        return True

    def _claim(self, row: sa.Row[Any]) -> tuple[Notice, Sends] | None:
        """Take a notice to send it, if nobody else has and there is still reason to."""
        now = self._clock.now()
        with self._database.write() as connection:
            taken = connection.execute(
                sa.update(notification)
                .where(
                    notification.c.id == row.id,
                    notification.c.state == "due",
                    notification.c.due_at == row.due_at,
                )
                .values(due_at=timestamp(now + _LEASE), tries=notification.c.tries + 1)
            )
            if taken.rowcount != 1:
                return None
            found = connection.execute(sa.select(action).where(action.c.id == row.action)).first()
            to, sender = self._way(connection, row, found)
            if found is None or sender is None:
                self._move(connection, row.id, "void")
                return None
        link = f"{self._told.address.rstrip('/')}/approvals/{row.action}"
        return Notice(row.id, row.moment, link, found.expires_at, to), sender

    def _way(
        self, connection: sa.Connection, row: sa.Row[Any], found: sa.Row[Any] | None
    ) -> tuple[str, Sends | None]:
        """Return how a notice goes out and to which address; no way where there is no reason any more."""
        if found is None or store.state_now(found, self._clock) != "waiting":
            return "", None
        if row.channel == "webhook":
            return "", self._told.senders.get("webhook")
        name = row.person.partition(":")[2]
        to = self._told.mail_of(name)
        if not to or not self._may(connection, Principal("user", name), found):
            return "", None
        return to, self._told.senders.get("mail")

    def _failed(self, row: sa.Row[Any], reason: str) -> None:
        tries = row.tries + 1
        over = tries >= MOST_TRIES
        wait = min(_FIRST_WAIT * 2 ** (tries - 1), _LONGEST_WAIT)
        about = {**_about(row), "tries": tries, "reason": reason, "given_up": over}
        with self._database.write() as connection:
            state = "failed" if over else "due"
            if self._move(connection, row.id, state, due_at=timestamp(self._clock.now() + wait)):
                self._audit.append(connection, [Entry("notification.failed", _ITSELF, about)])

    def _move(self, connection: sa.Connection, notice: str, to: str, **values: str) -> bool:
        changed = connection.execute(
            sa.update(notification)
            .where(notification.c.id == notice, notification.c.state == "due")
            .values(state=to, changed_at=timestamp(self._clock.now()), **values)
        )
        return changed.rowcount == 1


def _about(row: sa.Row[Any]) -> dict[str, Json]:
    about: dict[str, Json] = {"notification": row.id, "action": row.action, "channel": row.channel}
    return {**about, **({"to": row.person} if row.person else {})}


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


_WAITING = sa.select(action).where(action.c.state == "waiting").order_by(action.c.created_at, action.c.id)
_KNOWN = (
    sa.select(notification.c.action, notification.c.moment)
    .join(action, action.c.id == notification.c.action)
    .where(action.c.state == "waiting")
    .distinct()
)
