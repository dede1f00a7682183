"""States of actions as people look for them, as conditions on rows: by what time has made of what is stored.

Invariant: every action is in exactly one group, the one of the state that `state_now` tells.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from muniment.actions.tables import action
from muniment.foundation.clock import Clock, timestamp

Group = Literal["open", "unknown", "done", "undone"]
"""`open` waits or is on its way; `undone` ended without effect."""


def in_group(group: Group | None, clock: Clock) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on rows of a group, none for None."""
    if group is None:
        return []
    now, state = timestamp(clock.now()), action.c.state
    lasts, ran = action.c.expires_at > now, action.c.claim_until > now
    waits, runs = state.in_(("waiting", "approved")), state == "running"
    if group == "open":
        return [sa.or_(sa.and_(waits, lasts), sa.and_(runs, ran))]
    if group == "unknown":
        return [sa.or_(state == "unknown", sa.and_(runs, sa.not_(ran)))]
    if group == "done":
        return [state == "done"]
    ended = state.in_(("failed", "rejected", "withdrawn", "expired", "refused"))
    return [sa.or_(ended, sa.and_(waits, sa.not_(lasts)))]


def older_than(after: str, requester: str) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on rows that stand behind this action of a requester, the newest first.

    None for an empty id; behind another's action stands as little as behind one that never was.
    """
    if not after:
        return []
    other = action.alias()
    same = sa.and_(action.c.created_at == other.c.created_at, action.c.id > other.c.id)
    mine = sa.and_(other.c.id == after, other.c.requester == requester)
    found = sa.exists().where(mine, sa.or_(action.c.created_at < other.c.created_at, same))
    return [found]
