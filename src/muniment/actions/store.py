"""Actions as rows: read whole or not at all, moved from state to state by what they were."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from muniment.actions.action import Action, Decided, State
from muniment.actions.assignment import Asked
from muniment.actions.bound import Bound, digest_of, read_bound, same_call
from muniment.actions.tables import action, action_decision
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.errors import NotFound


def insert(
    connection: sa.Connection, clock: Clock, made: str, bound: Bound, risk: str, state: State, asked: Asked
) -> None:
    """Store a new action under an id."""
    now = clock.now()
    text = bound.text()
    connection.execute(
        sa.insert(action).values(
            id=made,
            digest=digest_of(text),
            same=same_call(bound.tool, bound.arguments, bound.requester),
            tool=bound.tool,
            requester=bound.requester,
            since=bound.since,
            bound=text,
            risk=risk,
            approvers=bound.approvers,
            assigned=json.dumps(sorted(asked.groups)),
            escalates_at="" if asked.after is None else timestamp(now + asked.after),
            escalates_to=json.dumps(sorted(asked.escalate_to)),
            created_at=timestamp(now),
            expires_at=bound.expires_at,
            state=state,
            changed_at=timestamp(now),
            claim="",
            claim_until="",
            result="",
            reason="",
        )
    )


def row_of(connection: sa.Connection, made: str) -> sa.Row[Any]:
    """Return the row of an action; raises NotFound, which a stranger to it is told too."""
    found = find(connection, made)
    if found is None:
        raise absent()
    return found


def find(connection: sa.Connection, made: str) -> sa.Row[Any] | None:
    """Return the row of an action, or None."""
    return connection.execute(_ROW, {"id": made}).first()


def absent() -> NotFound:
    """Return what is said of an action that there is not, or that is not for whoever asks."""
    return NotFound("There is no such action.", fix="See `muniment actions list`.")


def read(connection: sa.Connection, row: sa.Row[Any], clock: Clock) -> Action:
    """Return an action of its row, as it stands now; raises Tampered for one that was altered."""
    bound = read_bound(row.bound, row.digest)
    decisions = tuple(
        Decided(one.person, one.on_behalf_of, one.decision, one.reason, one.at)
        for one in decision_rows(connection, row.id)
    )
    return Action(
        id=row.id,
        digest=row.digest,
        bound=bound,
        risk=row.risk,
        state=state_now(row, clock),
        created_at=row.created_at,
        changed_at=row.changed_at,
        assigned=assigned_now(row, clock),
        escalates_at=row.escalates_at,
        escalates_to=frozenset(json.loads(row.escalates_to)),
        decisions=decisions,
        result=json.loads(row.result) if row.result else None,
        reason=row.reason,
    )


def decision_rows(connection: sa.Connection, made: str) -> Sequence[sa.Row[Any]]:
    """Return what people decided of an action, oldest first."""
    return connection.execute(_DECISIONS, {"id": made}).all()


def state_now(row: sa.Row[Any], clock: Clock) -> State:
    """Return where an action stands: time ends what waits, and a claim whose time is over is not known to be done."""
    now = clock.now()
    state = cast(State, row.state)
    if state in ("waiting", "approved") and _is_over(row.expires_at, now):
        return "expired"
    if state == "running" and _is_over(row.claim_until, now):
        return "unknown"
    return state


def _is_over(until: str, now: datetime) -> bool:
    """Return whether a time has passed; one that cannot be read has."""
    try:
        return not now < datetime.fromisoformat(until)
    except (ValueError, TypeError):
        return True


def assigned_now(row: sa.Row[Any], clock: Clock) -> frozenset[str]:
    """Return who is asked now; empty: any approver."""
    first: frozenset[str] = frozenset(json.loads(row.assigned))
    if row.escalates_at and _is_over(row.escalates_at, clock.now()):
        return first | frozenset(json.loads(row.escalates_to)) if first else first
    return first


def move(
    connection: sa.Connection, made: str, of: Collection[State], to: State, clock: Clock, **values: str
) -> bool:
    """Move an action to another state if it is in one of these; return whether it was."""
    changed = connection.execute(
        sa.update(action)
        .where(action.c.id == made, action.c.state.in_(sorted(of)))
        .values(state=to, changed_at=timestamp(clock.now()), **values)
    )
    return changed.rowcount == 1


_ROW = sa.select(action).where(action.c.id == sa.bindparam("id"))
_DECISIONS = (
    sa.select(action_decision)
    .where(action_decision.c.action == sa.bindparam("id"))
    .order_by(action_decision.c.at, action_decision.c.person)
)
