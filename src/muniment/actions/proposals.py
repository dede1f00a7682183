"""From a proposed call to a stored action, or to a denial on record.

Invariants:
- a call with an effect exists only as a stored action, whose entry is durable before anything is done about it;
- what is decided, stored and recorded is of one transaction, by the policy, rights and stops of that moment;
- the same call is not asked for again soon after a person rejected it, and nobody fills the inboxes of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.action import Action
from muniment.actions.assignment import Asked, Assignment
from muniment.actions.bound import Agent, Bound, Evidence, Origin, Record, keyed_id, same_call
from muniment.actions.context import Context
from muniment.actions.decide import Proposed, Step, Verdict, decide
from muniment.actions.facts import Gathering, record_of
from muniment.actions.labels import Label
from muniment.actions.manifest import Manifest
from muniment.actions.registry import Tools
from muniment.actions.tables import action
from muniment.foundation.canonical import canonical
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, MunimentError
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy

MOST_WAITING = 20
"""Actions of one requester that wait for people."""
MOST_AN_HOUR = 60
AGAIN_AFTER = timedelta(hours=1)
"""How long a rejected call is not asked for again."""
AUTO_LASTS = timedelta(minutes=5)
"""How long an action that needs nobody may wait to be carried out."""
DENIED = "This was not allowed."
"""All that a model is told of a denial."""
Versions = Callable[[Principal, Actor, Manifest, Mapping[str, object]], str]
"""Reads the version that the record of a call has now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a proposal: its verdict, and the action where it was not denied."""

    verdict: Verdict
    action: Action | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is proposed."""

    tool: str
    arguments: Mapping[str, object] | None = None
    """None: those of the planned call."""
    step: str = ""
    """The planned call that it claims to be."""
    id: str = ""
    """Of the action that it becomes; empty: a new one."""
    agent: Agent = field(default_factory=Agent)
    evidence: tuple[Evidence, ...] = ()
    origins: Mapping[str, Origin] | None = None
    """Where values came from, as far as the runtime knows; the rest carries the label of the context."""


class Proposals:
    """Proposes calls in one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        tools: Tools,
        gathering: Gathering,
        assignment: Assignment,
        versions: Versions,
        tenant: str,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._tools = tools
        self._gathering = gathering
        self._assignment = assignment
        self._versions = versions
        self._tenant = tenant
        self._clock = clock
        self._ids = ids

    def propose(
        self, principal: Principal, by: Actor, call: Call, context: Context | None = None, dry: bool = False
    ) -> Outcome:
        """Decide a call with an effect and store it; `dry` says what would become of it, and stores nothing.

        A denial is on record and holds no action. Raises Unresolved where a planned value cannot be told, ToolFailed
        where the record's version cannot be read, Denied for an inactive account.
        """
        seen = context or Context()
        arguments, values = self._arguments(call, seen)
        proposed = Proposed(call.tool, None, arguments, principal.ref, seen.label, values)
        with self._database.read() as connection:
            first, known = self._decided(connection, principal, proposed, call.agent.model)
        if first.outcome == "denied" or known is None:
            return Outcome(first, None) if dry else self._denied(by, principal, call, first)
        if not known.acts:
            raise BadInput(f"{known.name} only reads.", fix="Call it as a reading tool.")
        record = self._record(principal, by, known, first.arguments)
        if dry:
            return Outcome(first, None)
        with self._database.write() as connection:
            verdict, manifest = self._decided(connection, principal, proposed, call.agent.model)
            if verdict.outcome != "denied" and manifest is not None:
                verdict = self._within_caps(connection, verdict, manifest, principal)
            if verdict.outcome == "denied" or manifest is None:
                self._audit.append(connection, [self._denial(by, principal, call, verdict)])
                return Outcome(verdict, None)
            made = self._store(connection, principal, by, call, seen, values, verdict, manifest, record)
            return Outcome(verdict, made)

    def _arguments(self, call: Call, seen: Context) -> tuple[Mapping[str, object], Label | None]:
        """Return the arguments, with their label where they are exactly those of a usable planned call."""
        if not call.step:
            if call.arguments is None:
                raise BadInput("The call has no arguments.", fix="Give them, or name a planned call.")
            return call.arguments, None
        plan = seen.plan
        if plan is None or plan.call(call.step).tool != call.tool:
            raise BadInput(f"There is no planned call {call.step!r} of {call.tool}.", fix="Pin a plan first.")
        if not plan.usable(call.step, seen.used):
            raise BadInput(f"The planned call {call.step} was used.", fix="Propose the call by itself.")
        pinned = seen.pinned_arguments(call.step)
        planned = pinned.value if isinstance(pinned.value, Mapping) else {}
        if call.arguments is not None and canonical(call.arguments) != canonical(planned):
            return call.arguments, None
        return planned, pinned.label

    def _decided(
        self, connection: sa.Connection, principal: Principal, proposed: Proposed, model: str
    ) -> tuple[Verdict, Manifest | None]:
        standing = self._policy.standing(connection, principal)
        tool = self._tools.get(connection, proposed.tool)
        whole = proposed if tool is None else replace(proposed, manifest=tool.manifest)
        facts = self._gathering.facts(connection, standing, tool, whole, model)
        return decide(whole, facts), None if tool is None else tool.manifest

    def _record(
        self, principal: Principal, by: Actor, manifest: Manifest, arguments: Mapping[str, object]
    ) -> Record:
        if manifest.touches is None:
            return Record()
        kind, _, made = record_of(manifest, arguments).partition(":")
        version = self._versions(principal, by, manifest, arguments) if manifest.touches.tool else ""
        return Record(kind, made, version)

    def _within_caps(
        self, connection: sa.Connection, verdict: Verdict, manifest: Manifest, principal: Principal
    ) -> Verdict:
        if verdict.outcome != "approval":
            return verdict
        now = self._clock.now()
        mine = sa.select(sa.func.count()).select_from(action).where(action.c.requester == principal.ref)
        waiting = mine.where(action.c.state == "waiting", action.c.expires_at > timestamp(now))
        recent = mine.where(action.c.created_at > timestamp(now - timedelta(hours=1)))
        same = same_call(manifest.name, verdict.arguments, principal.ref)
        rejected = sa.select(action.c.id).where(
            action.c.same == same,
            action.c.state == "rejected",
            action.c.changed_at > timestamp(now - AGAIN_AFTER),
        )
        why = ""
        if connection.execute(rejected.limit(1)).first() is not None:
            why = "The same call was rejected a short while ago."
        elif (connection.execute(waiting).scalar() or 0) >= MOST_WAITING:
            why = f"{MOST_WAITING} actions of yours wait for people already."
        elif (connection.execute(recent).scalar() or 0) >= MOST_AN_HOUR:
            why = f"{MOST_AN_HOUR} actions an hour may be proposed."
        if not why:
            return verdict
        return replace(
            verdict, outcome="denied", approvers=0, steps=(*verdict.steps, Step("limits", "deny", why))
        )

    def _store(
        self,
        connection: sa.Connection,
        principal: Principal,
        by: Actor,
        call: Call,
        seen: Context,
        values: Label | None,
        verdict: Verdict,
        manifest: Manifest,
        record: Record,
    ) -> Action:
        risk = "one" if verdict.risk is None else verdict.risk.gives
        asked: Asked = self._assignment.asked(manifest, risk)
        lasts = asked.expires if verdict.approvers else AUTO_LASTS
        plan = seen.plan if values is not None else None
        bound = Bound(
            tenant=self._tenant,
            tool=manifest.name,
            manifest=manifest.digest,
            arguments=verdict.arguments,
            requester=principal.ref,
            since=account_since(connection, principal) or 0,
            policy=self._policy.version(connection),
            risk=self._gathering.risk.version,
            scope=manifest.scope,
            nonce=self._ids.secret(),
            expires_at=timestamp(self._clock.now() + lasts),
            approvers=verdict.approvers,
            agent=call.agent,
            record=record,
            context=seen.label,
            values=values,
            plan="" if plan is None else plan.digest,
            step=call.step if plan is not None else "",
            origins=call.origins or {},
            evidence=call.evidence,
        )
        made = call.id or self._ids.new("act")
        if bound.step and call.agent.run:
            # Of one run, each planned call has one id: a second proposal of it finds the first.
            made = keyed_id(f"{call.agent.run}:{bound.plan}:{bound.step}")
            if store.find(connection, made) is not None:
                raise BadInput(f"The planned call {bound.step} was used.", fix="Propose the call by itself.")
        state = "waiting" if verdict.approvers else "approved"
        store.insert(connection, self._clock, made, bound, risk, state, asked)
        row = store.row_of(connection, made)
        about: dict[str, Json] = {
            "action": made,
            "digest": row.digest,
            "tool": bound.tool,
            "manifest": bound.manifest,
            "principal": principal.ref,
            "policy": bound.policy,
            "risk": bound.risk,
            "agent": {"model": call.agent.model, "prompt": call.agent.prompt, "run": call.agent.run},
            "verdict": verdict.stated(),
            "assigned": asked.id,
        }
        self._audit.append(connection, [Entry("action.proposed", by, about)])
        return store.read(connection, row, self._clock)

    def _denied(self, by: Actor, principal: Principal, call: Call, verdict: Verdict) -> Outcome:
        self._audit.record([self._denial(by, principal, call, verdict)])
        return Outcome(verdict, None)

    def _denial(self, by: Actor, principal: Principal, call: Call, verdict: Verdict) -> Entry:
        about: dict[str, Json] = {
            "tool": call.tool[:64],
            "principal": principal.ref,
            "agent": {"model": call.agent.model, "prompt": call.agent.prompt, "run": call.agent.run},
            "verdict": verdict.stated(),
            "arguments": self._commitment(call),
        }
        return Entry("action.denied", by, about)

    def _commitment(self, call: Call) -> str:
        try:
            return self._audit.commitment(canonical(call.arguments or {}).decode())
        except MunimentError:
            return ""
