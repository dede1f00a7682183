"""Legal holds: what they name is neither erased nor swept away until they are lifted.

Invariants:
- placing and lifting a hold commits with its entry in the log;
- a hold is read in the transaction that erases, so none that was placed before it is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.privacy.tables import legal_hold

WORKSPACE = "workspace"
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, and whether it lasts."""

    id: str
    subject: str
    """`user:NAME`, or `workspace`."""
    reason: str
    at: str
    by: str
    lifted_at: str | None
    lifted_by: str | None


class Holds:
    """The legal holds of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, gate: Gate, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._ids = ids

    def add(self, subject: str, reason: str, who: Principal | None, by: Actor) -> Hold:
        """Hold a person (`user:NAME`) or the `workspace`; `who` is None for the operator, who is not asked about."""
        if subject != WORKSPACE and not subject.startswith("user:"):
            raise BadInput(f"{subject[:64]} cannot be held.", fix="Name a person, or `workspace`.")
        made = self._ids.new("hold")
        with self._gate.recorded(by), self._database.write() as connection:
            stated = may_govern(self._gate, connection, who)
            at = timestamp(self._clock.now())
            values = {
                "id": made,
                "subject": subject,
                "reason": checked_reason(reason),
                "at": at,
                "by": by.ref,
            }
            connection.execute(sa.insert(legal_hold).values(**values))
            about = {**stated, "hold": made, "subject": subject}
            self._audit.append(connection, [Entry("privacy.hold_placed", by, about)])
            return _of(connection.execute(sa.select(legal_hold).where(legal_hold.c.id == made)).one())

    def lift(self, hold: str, who: Principal | None, by: Actor) -> Hold:
        """End a hold; again changes nothing. Raises BadInput for none."""
        chosen = sa.select(legal_hold).where(legal_hold.c.id == hold)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = may_govern(self._gate, connection, who)
            found = connection.execute(chosen).first()
            if found is None:
                raise BadInput(f"There is no hold {hold[:64]!r}.", fix="See `muniment privacy hold list`.")
            if found.lifted_at is None:
                values = {"lifted_at": timestamp(self._clock.now()), "lifted_by": by.ref}
                connection.execute(sa.update(legal_hold).where(legal_hold.c.id == hold).values(**values))
                about = {**stated, "hold": hold, "subject": found.subject}
                self._audit.append(connection, [Entry("privacy.hold_lifted", by, about)])
            return _of(connection.execute(chosen).one())

    def listing(self) -> Sequence[Hold]:
        """Return every hold, the oldest first, also those that were lifted."""
        query = sa.select(legal_hold).order_by(legal_hold.c.at, legal_hold.c.id)
        with self._database.read() as connection:
            return [_of(row) for row in connection.execute(query)]


def standing_holds(connection: sa.Connection, subject: str | None = None) -> list[Hold]:
    """Return the holds that last: those over a person, the whole workspace's among them, or all."""
    query = sa.select(legal_hold).where(legal_hold.c.lifted_at.is_(None)).order_by(legal_hold.c.id)
    if subject is not None:
        query = query.where(legal_hold.c.subject.in_((subject, WORKSPACE)))
    return [_of(row) for row in connection.execute(query)]


def may_govern(gate: Gate, connection: sa.Connection, who: Principal | None) -> dict[str, str]:
    """Return the decision for the log; raises NotPermitted unless policy lets them govern who is in the directory."""
    return gate.check(connection, who, "manage_directory", Resource("Directory", "directory"))


def checked_reason(reason: str) -> str:
    """Return a reason; raises BadInput for none, or for one that is too long."""
    said = reason.strip()
    if not said or len(said) > LONGEST_REASON:
        raise BadInput("The reason is missing or too long.", fix=f"Say why in {LONGEST_REASON} characters.")
    return said


def _of(row: sa.Row[Any]) -> Hold:
    return Hold(row.id, row.subject, row.reason, row.at, row.by, row.lifted_at, row.lifted_by)
