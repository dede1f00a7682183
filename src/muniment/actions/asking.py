"""Who is asked about an action: whoever may approve it, is assigned to it or stands in, and has not decided yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.bound import read_bound
from muniment.actions.decisions import approval_resource
from muniment.actions.delegations import Delegations
from muniment.actions.tables import action, action_decision
from muniment.foundation.clock import Clock
from muniment.foundation.errors import Denied, MunimentError
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.rules import Standing


@dataclass(frozen=True, slots=True)
class Asking:
    """Tells for one workspace who is asked, as of the snapshot of a connection."""

    policy: Policy
    delegations: Delegations
    clock: Clock

    def waiting(self, connection: sa.Connection, standing: Standing) -> Iterator[sa.Row[Any]]:
        """Yield what waits for this person, oldest first."""
        query = (
            sa.select(action).where(action.c.state == "waiting").order_by(action.c.created_at, action.c.id)
        )
        rows = connection.execute(query).all()
        done = _decided_waiting(connection, standing.principal) if rows else frozenset()
        for row in rows:
            if row.id in done or store.state_now(row, self.clock) != "waiting":
                continue
            if self.may(connection, standing, row):
                yield row

    def may(self, connection: sa.Connection, standing: Standing, row: sa.Row[Any]) -> bool:
        """Return whether this person may decide on an action, whatever its state."""
        try:
            bound = read_bound(row.bound, row.digest)
        except MunimentError:
            return False
        target = approval_resource(row.id, bound, row.risk, store.assigned_now(row, self.clock))
        allowed = standing.decide("approve", target).allowed
        return allowed and self.behalf(connection, standing, row) is not None

    def behalf(self, connection: sa.Connection, standing: Standing, row: sa.Row[Any]) -> str | None:
        """Return for whom this person would decide, "" for themselves, None where they are not asked."""
        assigned = store.assigned_now(row, self.clock)
        if not assigned or assigned & standing.groups:
            return ""
        for other in self.delegations.to(connection, standing.principal):
            if other.ref == row.requester:
                continue
            try:
                held = self.policy.standing(connection, other).groups
            except Denied:
                continue
            if assigned & held:
                return other.ref
        return None


def decided(connection: sa.Connection, made: str, who: Principal) -> bool:
    """Return whether a person has decided on an action."""
    query = sa.select(action_decision.c.person).where(
        action_decision.c.action == made, action_decision.c.person == who.ref
    )
    return connection.execute(query).first() is not None


def _decided_waiting(connection: sa.Connection, who: Principal) -> frozenset[str]:
    """Return what a person has decided on and what still waits, for others."""
    query = (
        sa.select(action_decision.c.action)
        .join(action, action.c.id == action_decision.c.action)
        .where(action_decision.c.person == who.ref, action.c.state == "waiting")
    )
    return frozenset(connection.execute(query).scalars())
