"""Switching accounts off and on by hand, and ending their sessions.

Invariants:
- each change commits with its entry in the log and is felt by the next request;
- an account that is switched on again is a new one: no credential of before works;
- nobody switches themselves off, so that a mistake can be undone.
"""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.directory_tables import ACCOUNTS
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.sessions import session, signin_link
from muniment.governance.policy.decision import DIRECTORY
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason


class AccountChanges:
    """Changes of single accounts of one workspace.

    In each method `who` is the principal that policy is asked about. Raises BadInput for no account or reason, and
    NotPermitted where policy does not let `who` change the directory.
    """

    def __init__(self, database: Database, audit: AuditLog, directory: Directory, gate: Gate) -> None:
        self._database = database
        self._audit = audit
        self._directory = directory
        self._gate = gate

    def switch_off(self, ref: str, reason: str, who: Principal, by: Actor) -> None:
        """Switch an account off; what states it, a file or a provider, may switch it on again.

        Raises Conflict where it is off, or is the account of `who`.
        """
        if ref == who.ref:
            raise Conflict("This is your own account.", fix="Somebody else has to switch it off.")
        self._switch(ref, reason, who, by, on=False)

    def switch_on(self, ref: str, reason: str, who: Principal, by: Actor) -> None:
        """Switch an account on, as a new one; raises Conflict where it is on."""
        self._switch(ref, reason, who, by, on=True)

    def end_sessions(self, ref: str, reason: str, who: Principal, by: Actor) -> int:
        """End every browser session of an account and take back its sign-in links; return how many sessions."""
        of, why = self._directory.principal(ref), checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_directory", DIRECTORY)
            ended = self._end(connection, of)
            about = {**stated, "of": of.ref, "sessions": ended, "reason": self._audit.commitment(why)}
            self._audit.append(connection, [Entry("session.ended_by_hand", by, about)])
        return ended

    def _switch(self, ref: str, reason: str, who: Principal, by: Actor, *, on: bool) -> None:
        of, why = self._directory.principal(ref), checked_reason(reason)
        table = ACCOUNTS[of.kind]
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_directory", DIRECTORY)
            was = connection.execute(sa.select(table.c.active).where(table.c.name == of.name)).scalar()
            if was is None:
                raise BadInput("There is no such account any more.", fix="Look at the directory again.")
            if (was == 1) == on:
                raise Conflict(
                    f"{of.ref} is switched {'on' if on else 'off'} already.", fix="Nothing was changed."
                )
            revision = revisions.bump(connection, "directory")
            values = {"active": 1, "since": revision} if on else {"active": 0}
            connection.execute(sa.update(table).where(table.c.name == of.name).values(**values))
            ended = self._end(connection, of)
            about = {
                **stated,
                "revision": revision,
                "of": of.ref,
                "sessions": ended,
                "reason": self._audit.commitment(why),
            }
            kind = "directory.account_switched_on" if on else "directory.account_switched_off"
            self._audit.append(connection, [Entry(kind, by, about)])

    def _end(self, connection: sa.Connection, of: Principal) -> int:
        links = sa.and_(signin_link.c.kind == of.kind, signin_link.c.name == of.name)
        connection.execute(sa.delete(signin_link).where(links))
        mine = sa.and_(session.c.kind == of.kind, session.c.name == of.name)
        return connection.execute(sa.delete(session).where(mine)).rowcount
