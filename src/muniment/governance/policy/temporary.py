"""The roles that emergency access gives, as long as it lasts.

Invariants:
- it lasts from its approval to its end by the wall clock, and never longer than granted by the stopwatch of this
  process: a clock that jumps back gives nothing back, one that jumps ahead ends it;
- what this process has seen at its end stays ended;
- it is of the account that it was approved for: one of the same name made again has nothing of it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.tables import emergency_access


class TemporaryRoles:
    """Which emergencies of one workspace last now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}
        """When each ends by the stopwatch; one seen at its end, at the beginning of time."""

    def __call__(self, connection: sa.Connection, principal: Principal) -> Sequence[tuple[str, str]]:
        """Return the roles that a principal holds for a while, each with the emergency that gives it."""
        rows = connection.execute(_APPROVED, {"subject": principal.ref}).all()
        if not rows:
            return ()
        since = account_since(connection, principal)
        return [(row.role, row.id) for row in rows if row.since == since and self.lasts(row)]

    def lasts(self, row: sa.Row[tuple[object, ...]]) -> bool:
        """Return whether an approved emergency that nobody ended lasts now."""
        now, watch = self._clock.now(), self._clock.seconds()
        begins, ends = datetime.fromisoformat(row.approved_at), datetime.fromisoformat(row.expires_at)
        with self._lock:
            left = min((ends - now).total_seconds(), float(row.seconds))
            last = min(self._ends.get(row.id, watch + left), watch + left)
            if now >= ends or watch >= last:
                last = float("-inf")
            self._ends[row.id] = last
        return begins <= now < ends and watch < last


_APPROVED = sa.select(emergency_access).where(
    emergency_access.c.subject == sa.bindparam("subject"),
    emergency_access.c.approved_at.is_not(None),
    emergency_access.c.ended_at.is_(None),
)
