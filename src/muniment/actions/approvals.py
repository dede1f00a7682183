"""People decide what waits for them: each action by itself, by its digest, after being shown it.

Invariants:
- nobody decides on their own request, twice, or without the right to approve, which is asked again at the claim;
- who decides is known from a session or token that was opened a short while ago, never from what is sent along;
- a decision is of one digest: what is shown, what is approved and what is carried out are the same bytes;
- a rejection needs a reason and is final; nobody in time means no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from statistics import median
from typing import Any

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.action import Action
from muniment.actions.asking import Asking, decided
from muniment.actions.bound import read_bound
from muniment.actions.decisions import Seals, approval_resource
from muniment.actions.measured import APPROVAL_SECONDS
from muniment.actions.tables import action_decision
from muniment.actions.telling import Tell, nobody, tell_run
from muniment.actions.view import View
from muniment.actions.viewing import Viewing
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Denied, TooMany, Unauthenticated
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate, NotPermitted
from muniment.governance.policy.roles import checked_reason
from muniment.governance.policy.rules import Standing

RECENT = timedelta(minutes=15)
"""How old a sign-in may be that decides."""
MOST_A_MINUTE = 10
"""Decisions of one person: nobody reads faster."""
LISTED = 200


@dataclass(frozen=True, slots=True)
class Approver:
    """Whoever decides, and when they proved who they are."""

    principal: Principal
    by: Actor
    signed_in: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """One action of a list that somebody approves, as they were shown it."""

    action: str
    digest: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An action as somebody was shown it, with what proves that they were."""

    action: Action
    ticket: str
    view: View


@dataclass(frozen=True, slots=True)
class Figures:
    """How one person decides: whether they can be reading what they approve."""

    person: str
    decided: int
    approved: int
    median_seconds: float


class Approvals:
    """Decisions of people about the actions of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        seals: Seals,
        asking: Asking,
        viewing: Viewing,
        clock: Clock,
        tell: Tell = nobody,
    ) -> None:
        """`tell` says to the run that proposed an action that it has changed, in the transaction that changes it."""
        self._tell = tell
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._seals = seals
        self._asking = asking
        self._viewing = viewing
        self._clock = clock

    def inbox(self, who: Principal) -> Sequence[Action]:
        """Return what waits for this person, oldest first."""
        with self._database.read() as connection:
            standing = self._policy.standing(connection, who)
            rows = self._asking.waiting(connection, standing)
            return [store.read(connection, row, self._clock) for row in islice(rows, LISTED)]

    def count(self, who: Principal) -> int | None:
        """Return how much waits for this person, counted up to LISTED; None where they approve nothing at all."""
        anything = Resource(
            "Approval", "", {"requester": "", "tool": "", "class": "one", "assigned": _NOBODY}
        )
        with self._database.read() as connection:
            standing = self._policy.standing(connection, who)
            rows = sum(1 for _ in islice(self._asking.waiting(connection, standing), LISTED))
            return rows if rows or standing.decide("approve", anything).allowed else None

    def resource(self, made: str) -> Resource:
        """Return an action as policies of approving speak of it; raises NotFound."""
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            assigned = store.assigned_now(row, self._clock)
            return approval_resource(row.id, read_bound(row.bound, row.digest), row.risk, assigned)

    def asks(self, connection: sa.Connection, who: Principal, row: sa.Row[Any]) -> bool:
        """Return whether an action waits for this person, as of this snapshot."""
        try:
            standing = self._policy.standing(connection, who)
        except Denied:
            return False
        waits = store.state_now(row, self._clock) == "waiting"
        return waits and self._asking.may(connection, standing, row) and not decided(connection, row.id, who)

    def standing(self, connection: sa.Connection, who: Principal) -> Standing:
        """Return what is known of a person as of this snapshot; raises Denied for an inactive account."""
        return self._policy.standing(connection, who)

    def state(self, made: str, who: Principal) -> Action:
        """Return an action as it stands, for somebody who may decide on it; raises NotFound for anybody else.

        It is for telling where the action stands, and not on record: what it says is shown by `show` alone.
        """
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            if not self._asking.may(connection, self._policy.standing(connection, who), row):
                raise store.absent()
            return store.read(connection, row, self._clock)

    def show(self, made: str, who: Principal, by: Actor) -> Shown:
        """Show an action to somebody who may decide on it; raises NotFound for anybody else."""
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            standing = self._policy.standing(connection, who)
            if not self._asking.may(connection, standing, row):
                raise store.absent()
            found = store.read(connection, row, self._clock)
            view = self._viewing.view(
                connection, standing, found, lambda other: self._asking.may(connection, standing, other)
            )
        self._audit.record([Entry("action.shown", by, {"action": made, "digest": found.digest})])
        return Shown(found, self._seals.ticket(who.ref, found.digest, self._clock.now()), view)

    def approve(self, made: str, digest: str, ticket: str, who: Approver) -> Action:
        """Approve exactly what was shown; raises as `reject` does, Conflict for another digest."""
        return self._decide(made, digest, ticket, who, "approve", "")

    def reject(self, made: str, digest: str, ticket: str, reason: str, who: Approver) -> Action:
        """Reject it, with a reason.

        Raises NotFound for an action that is not for this person, NotPermitted where policy says no, Unauthenticated
        for a sign-in that is too old or for what was not shown, Conflict for what no longer waits, TooMany.
        """
        return self._decide(made, digest, ticket, who, "reject", checked_reason(reason))

    def check_listed(self, choices: Sequence[Choice], who: Approver) -> None:
        """Refuse a list in which an action takes two people, or was not shown as it is; raises as `reject`.

        What takes two is looked at by itself.
        """
        if not choices or len({one.action for one in choices}) != len(choices):
            raise BadInput("The list names nothing, or an action twice.", fix="Name each once.")
        if len(choices) > MOST_A_MINUTE:
            raise TooMany("decisions", f"You may decide {MOST_A_MINUTE} times a minute.", 60)
        person, now = self._person(who), self._clock.now()
        with self._database.read() as connection:
            standing = self._policy.standing(connection, person)
            for one in choices:
                row = store.row_of(connection, one.action)
                if not self._asking.may(connection, standing, row):
                    raise store.absent()
                self._seals.shown_for(one.ticket, person.ref, one.digest, now)
                if one.digest != row.digest:
                    raise _another()
                if row.risk == "two" or read_bound(row.bound, row.digest).approvers > 1:
                    raise Conflict(f"{row.id} takes two people.", fix="Decide on it by itself.")

    def withdraw(self, made: str, who: Principal, by: Actor) -> Action:
        """Take a request back, as the one who made it; raises NotFound for another's, Conflict for what is over."""
        with self._database.write() as connection:
            row = store.row_of(connection, made)
            if row.requester != who.ref:
                raise store.absent()
            if not store.move(connection, made, ("waiting", "approved"), "withdrawn", self._clock):
                raise Conflict(f"{made} is {store.state_now(row, self._clock)}.", fix="Nothing to withdraw.")
            self._audit.append(
                connection, [Entry("action.withdrawn", by, {"action": made, "digest": row.digest})]
            )
            tell_run(self._tell, connection, row, "withdrawn")
            return store.read(connection, store.row_of(connection, made), self._clock)

    def figures(self) -> Sequence[Figures]:
        """Return how each person decided: how often, how often yes, and after how long a look."""
        rows: dict[str, list[Any]] = {}
        with self._database.read() as connection:
            for row in connection.execute(sa.select(action_decision)):
                rows.setdefault(row.person, []).append(row)
        return [
            Figures(
                person,
                len(made),
                sum(one.decision == "approve" for one in made),
                float(median(one.seconds for one in made)),
            )
            for person, made in sorted(rows.items())
        ]

    def _decide(
        self, made: str, digest: str, ticket: str, who: Approver, decision: str, reason: str
    ) -> Action:
        now = self._clock.now()
        person = self._person(who)
        seconds = self._seals.shown_for(ticket, person.ref, digest, now)
        with self._gate.recorded(who.by), self._database.write() as connection:
            row = store.row_of(connection, made)
            standing = self._policy.standing(connection, person)
            behalf = self._asking.behalf(connection, standing, row)
            self._check(connection, standing, row, digest, behalf)
            values = {
                "action": made,
                "person": person.ref,
                "since": account_since(connection, person) or 0,
                "on_behalf_of": behalf or "",
                "decision": decision,
                "reason": reason,
                "at": timestamp(now),
                "seconds": seconds,
                "digest": digest,
            }
            sealed = self._seals.seal(values)
            connection.execute(sa.insert(action_decision).values(**values, seal=sealed))
            left = self._settle(connection, row, decision, reason)
            about: dict[str, Json] = {
                "action": made,
                "digest": digest,
                "on_behalf_of": behalf or "",
                "policy": standing.policy,
                "seconds": seconds,
                "left": left,
                **({"reason": self._audit.commitment(reason)} if reason else {}),
            }
            self._audit.append(connection, [Entry(f"action.{_SAID[decision]}", who.by, about)])
            waited = now - datetime.fromisoformat(row.created_at)
            APPROVAL_SECONDS.observe(waited.total_seconds(), decision)
            return store.read(connection, store.row_of(connection, made), self._clock)

    def _person(self, who: Approver) -> Principal:
        """Return who decides: a person who signed in a short while ago, through no program; a program, on record."""
        if who.principal.kind != "user" or who.by.key or who.by.service:
            self._audit.record([Entry("approvals.refused", who.by, {"reason": "no person"})])
            raise Denied("Only a person who signed in decides.", fix="Sign in, and decide yourself.")
        if not timedelta(0) <= self._clock.now() - who.signed_in <= RECENT:
            raise Unauthenticated(
                f"Nothing says that you signed in during the last {int(RECENT.total_seconds() // 60)} minutes.",
                fix="Sign in again.",
            )
        return who.principal

    def _check(
        self, connection: sa.Connection, standing: Standing, row: sa.Row[Any], digest: str, behalf: str | None
    ) -> None:
        bound = read_bound(row.bound, row.digest)
        state = store.state_now(row, self._clock)
        target = approval_resource(row.id, bound, row.risk, store.assigned_now(row, self._clock))
        decision = standing.decide("approve", target)
        if not decision.allowed:
            if row.requester == standing.principal.ref:
                raise NotPermitted(standing.principal, decision, "Somebody else has to decide.")
            raise store.absent()
        if behalf is None:
            raise store.absent()
        if digest != row.digest:
            raise _another()
        if state != "waiting":
            raise Conflict(f"{row.id} is {state}.", fix="There is nothing to decide any more.")
        mine = decided(connection, row.id, standing.principal)
        same = sa.select(action_decision.c.person).where(
            action_decision.c.action == row.id, action_decision.c.on_behalf_of == (behalf or "\0")
        )
        if mine or (behalf and connection.execute(same).first() is not None):
            raise Conflict(f"You have decided on {row.id}.", fix="Somebody else has to decide too.")
        since = timestamp(self._clock.now() - timedelta(minutes=1))
        recent = (
            sa.select(sa.func.count())
            .select_from(action_decision)
            .where(action_decision.c.person == standing.principal.ref, action_decision.c.at > since)
        )
        if (connection.execute(recent).scalar() or 0) >= MOST_A_MINUTE:
            raise TooMany("decisions", f"You may decide {MOST_A_MINUTE} times a minute.", 60)

    def _settle(self, connection: sa.Connection, row: sa.Row[Any], decision: str, reason: str) -> int:
        """Move the action where this decision moves it; return how many more have to approve."""
        if decision == "reject":
            store.move(connection, row.id, ("waiting",), "rejected", self._clock, reason=reason)
            tell_run(self._tell, connection, row, "rejected")
            return 0
        given = sum(one.decision == "approve" for one in store.decision_rows(connection, row.id))
        left = max(0, row.approvers - given)
        if not left:
            store.move(connection, row.id, ("waiting",), "approved", self._clock)
            tell_run(self._tell, connection, row, "approved")
        return left


def _another() -> Conflict:
    return Conflict("That is not the action that you were shown.", fix="Open it again.")


_NOBODY = frozenset[str]()
_SAID = {"approve": "approved", "reject": "rejected"}


def parse_digest(text: str) -> str:
    """Return a digest as it is spelled; raises BadInput for anything else."""
    if not (text.startswith("sha256:") and len(text) == 71):
        raise BadInput("digest is no digest.", fix="Send the one that you were shown.")
    return text
