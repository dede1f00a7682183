"""The one moment in which an approved action becomes one that is carried out, and the record of what came of it.

Invariants:
- of all that try, one claims; the claim, its entry and what it counts towards limits commit together, before anything
  is done;
- everything that was approved has to hold still: the stored bytes, seals, account, tool, policy, rights of requester
  and approvers, stops, time; else it is refused for good, and says why;
- a claim that brings no outcome in time is `unknown`, and nothing carries it out again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.action import Action, Refused, State
from muniment.actions.arguments import amount_of
from muniment.actions.bound import Bound, read_bound
from muniment.actions.decide import Proposed, decide
from muniment.actions.decisions import Seals, standing_approvals
from muniment.actions.facts import Gathering
from muniment.actions.manifest import Manifest
from muniment.actions.registry import Tools
from muniment.actions.tables import tool_call
from muniment.actions.telling import Tell, nobody, tell_run
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict, MunimentError
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.roles import checked_reason

GRACE = timedelta(seconds=30)
"""Beyond the tool's own time, after which a claim without an outcome is unknown."""
Settled = Literal["done", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """An action that this caller, and nobody else, carries out now."""

    id: str
    digest: str
    bound: Bound
    manifest: Manifest
    token: str


class Claims:
    """Claims and outcomes of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        tools: Tools,
        gathering: Gathering,
        seals: Seals,
        tenant: str,
        clock: Clock,
        ids: Ids,
        tell: Tell = nobody,
    ) -> None:
        """`tell` says to the run that proposed an action that it has changed, in the transaction that changes it."""
        self._tell = tell
        self._database = database
        self._audit = audit
        self._policy = policy
        self._tools = tools
        self._gathering = gathering
        self._seals = seals
        self._tenant = tenant
        self._clock = clock
        self._ids = ids

    def peek(self, made: str) -> tuple[Bound, Manifest | None]:
        """Return what an action binds, and its manifest; raises NotFound, Tampered."""
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            bound = read_bound(row.bound, row.digest)
            return bound, self._tools.of_digest(connection, bound.manifest)

    def claim(self, made: str, version: str, by: Actor) -> Claimed:
        """Claim an approved action whose record has this version now.

        Raises Refused where what was approved no longer holds, Conflict where it is claimed, waits or is over.
        """
        with self._database.write() as connection:
            row = store.row_of(connection, made)
            state = store.state_now(row, self._clock)
            if state == "expired" and row.state != "expired":
                store.move(connection, made, (row.state,), "expired", self._clock)
                self._audit.append(connection, [_entry("action.expired", by, row, {})])
            why, claimed = "", None
            if state == "approved":
                why, claimed = self._claim(connection, row, version, by)
        if claimed is not None:
            return claimed
        if why:
            raise Refused(f"{made} was not carried out: {why}.", fix="Propose it again.")
        raise Conflict(f"{made} is {state}.", fix="Nothing was done.")

    def refuse(self, made: str, why: str, by: Actor) -> None:
        """Refuse an approved action for good."""
        with self._database.write() as connection:
            self._refuse(connection, store.row_of(connection, made), why, by)

    def settle(
        self, claimed: Claimed, to: Settled, by: Actor, result: object = None, reason: str = ""
    ) -> Action:
        """Record what came of a claim; a late outcome still counts, that of another claim does not."""
        return self._settle(claimed.id, claimed.token, to, by, result, reason)

    def decide_unknown(self, made: str, to: Settled, reason: str, by: Actor) -> Action:
        """Record what a person found out about an action whose outcome is unknown; raises Conflict for any other."""
        why = checked_reason(reason)
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            if store.state_now(row, self._clock) != "unknown":
                raise Conflict(f"{made} is {store.state_now(row, self._clock)}.", fix="Its outcome is known.")
        return self._settle(made, row.claim, to, by, None, why)

    def overdue(self) -> int:
        """Put on record what time has ended: claims without an outcome, and what nobody decided; return how many."""
        ended = 0
        with self._database.read() as connection:
            rows = connection.execute(_OPEN).all()
            late = [row for row in rows if store.state_now(row, self._clock) != row.state]
        for row in late:
            with self._database.write() as connection:
                now = store.row_of(connection, row.id)
                state: State = store.state_now(now, self._clock)
                if state == now.state or not store.move(connection, row.id, (now.state,), state, self._clock):
                    continue
                self._audit.append(connection, [_entry(f"action.{state}", _ITSELF, now, {})])
                tell_run(self._tell, connection, now, state)
                ended += 1
        return ended

    def left(self, since: timedelta) -> Sequence[str]:
        """Return the approved actions that nobody has begun to carry out for so long, oldest first."""
        before = timestamp(self._clock.now() - since)
        with self._database.read() as connection:
            return [
                row.id
                for row in connection.execute(_OPEN).all()
                if row.changed_at < before and store.state_now(row, self._clock) == "approved"
            ]

    def _claim(
        self, connection: sa.Connection, row: sa.Row[Any], version: str, by: Actor
    ) -> tuple[str, Claimed | None]:
        try:
            why, bound, manifest = self._holds(connection, row, version)
        except MunimentError as error:
            why, bound, manifest = error.public.rstrip("."), None, None
        if why or bound is None or manifest is None:
            self._refuse(connection, row, why or "it cannot be read", by)
            return why or "it cannot be read", None
        token = self._ids.secret()
        until = self._clock.now() + timedelta(seconds=manifest.seconds) + GRACE
        if not store.move(
            connection,
            row.id,
            ("approved",),
            "running",
            self._clock,
            claim=token,
            claim_until=timestamp(until),
        ):
            return "", None
        self._count(connection, row, bound, manifest)
        about: dict[str, Json] = {"tool": bound.tool, "principal": bound.requester, "policy": bound.policy}
        self._audit.append(connection, [_entry("action.claimed", by, row, about)])
        return "", Claimed(row.id, row.digest, bound, manifest, token)

    def _holds(
        self, connection: sa.Connection, row: sa.Row[Any], version: str
    ) -> tuple[str, Bound | None, Manifest | None]:
        """Return why an approved action may not be carried out, empty where it may."""
        bound = read_bound(row.bound, row.digest)
        kind, _, name = bound.requester.partition(":")
        principal = Principal("service" if kind == "service" else "user", name)
        tool = self._tools.get(connection, bound.tool)
        checks: tuple[tuple[bool, str], ...] = (
            (bound.tenant != self._tenant, "it is of another workspace"),
            (_columns(row) != _stated(bound), "its row was altered"),
            (account_since(connection, principal) != bound.since, "the requester's account has changed"),
            (tool is None or tool.manifest.digest != bound.manifest, "the tool has changed"),
            (self._policy.version(connection) != bound.policy, "the policy has changed"),
            (self._gathering.risk.version != bound.risk, "the risk rules have changed"),
            (bound.record.version != version, "the record has changed"),
        )
        why = next((reason for failed, reason in checks if failed), "")
        if why or tool is None:
            return why, None, None
        proposed = Proposed(
            bound.tool, tool.manifest, bound.arguments, bound.requester, bound.context, bound.values
        )
        standing = self._policy.standing(connection, principal)
        facts = self._gathering.facts(connection, standing, tool, proposed, bound.agent.model)
        verdict = decide(proposed, facts)
        if verdict.outcome == "denied":
            return f"it would be denied now ({'; '.join(verdict.reasons)})", None, None
        approved = standing_approvals(connection, self._policy, self._seals, row, bound)
        if len(approved) < max(bound.approvers, verdict.approvers):
            return f"{len(approved)} of {bound.approvers} approvals hold", None, None
        return "", bound, tool.manifest

    def _count(self, connection: sa.Connection, row: sa.Row[Any], bound: Bound, manifest: Manifest) -> None:
        amount = amount_of(manifest, bound.arguments)
        connection.execute(
            sa.insert(tool_call).values(
                id=row.id,
                tool=bound.tool,
                caller=bound.requester,
                at=timestamp(self._clock.now()),
                amount="" if amount is None else str(amount.value),
                currency="" if amount is None else amount.currency,
            )
        )

    def _refuse(self, connection: sa.Connection, row: sa.Row[Any], why: str, by: Actor) -> None:
        if store.move(connection, row.id, ("approved",), "refused", self._clock, reason=why):
            self._audit.append(connection, [_entry("action.refused", by, row, {"why": why})])
            tell_run(self._tell, connection, row, "refused")

    def _settle(self, made: str, token: str, to: Settled, by: Actor, result: object, reason: str) -> Action:
        with self._database.write() as connection:
            row = store.row_of(connection, made)
            if not token or row.claim != token or row.state not in ("running", "unknown"):
                raise Conflict(f"{made} is {row.state}.", fix="Its outcome is recorded.")
            stored = "" if result is None else json.dumps(result, ensure_ascii=False, allow_nan=False)
            store.move(
                connection, made, ("running", "unknown"), to, self._clock, result=stored, reason=reason
            )
            if to == "failed":
                connection.execute(sa.delete(tool_call).where(tool_call.c.id == made))
            about: dict[str, Json] = {"outcome": to, "result": self._audit.commitment(stored)}
            self._audit.append(connection, [_entry(f"action.{to}", by, row, about)])
            tell_run(self._tell, connection, row, to)
            return store.read(connection, store.row_of(connection, made), self._clock)


_ITSELF = Actor("muniment", "python")
_OPEN = (
    sa.select(store.action)
    .where(store.action.c.state.in_(("waiting", "approved", "running")))
    .order_by(store.action.c.created_at, store.action.c.id)
)


def _entry(kind: str, by: Actor, row: sa.Row[Any], about: dict[str, Json]) -> Entry:
    return Entry(kind, by, {"action": row.id, "digest": row.digest, **about})


def _columns(row: sa.Row[Any]) -> tuple[object, ...]:
    return row.tool, row.requester, row.since, row.approvers, row.expires_at


def _stated(bound: Bound) -> tuple[object, ...]:
    return bound.tool, bound.requester, bound.since, bound.approvers, bound.expires_at
