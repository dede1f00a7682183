"""Calls that only read: decided, recorded before they are made, and labelled as their manifest says."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from muniment.actions.bound import Agent
from muniment.actions.calling import Calling
from muniment.actions.decide import Proposed, Verdict, decide
from muniment.actions.facts import Gathering
from muniment.actions.labels import USERS, Label
from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.actions.reading import Reading, reading
from muniment.actions.registry import Tool, Tools
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.tables import tool_call
from muniment.foundation.canonical import canonical
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, MunimentError
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy


class Reads:
    """Reading calls of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        tools: Tools,
        gathering: Gathering,
        calling: Calling,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._tools = tools
        self._gathering = gathering
        self._calling = calling
        self._clock = clock
        self._ids = ids

    def read(
        self,
        principal: Principal,
        by: Actor,
        tool: str,
        arguments: Mapping[str, object],
        asked: Label = USERS,
        agent: Agent | None = None,
    ) -> Reading:
        """Return what a reading tool gives this caller; `asked` is the label of whatever chose the arguments.

        Raises Denied where it may not be called, ToolFailed where it gives nothing that can be used.
        """
        who = agent or Agent()
        call = self._ids.new("call")
        about: dict[str, Json] = {
            "call": call,
            "tool": tool[:64],
            "principal": principal.ref,
            "agent": {"model": who.model, "prompt": who.prompt, "run": who.run},
        }
        with self._database.write() as connection:
            verdict, found = self._decided(connection, principal, tool, arguments, asked, who.model)
            about |= {"verdict": verdict.stated(), "arguments": self._commitment(verdict.arguments)}
            if verdict.outcome == "auto" and found is not None and not found.manifest.acts:
                self._count(connection, call, found.manifest, principal)
                sent = {**about, "manifest": found.manifest.digest, "phase": "sent"}
                self._audit.append(connection, [Entry("tool.read", by, sent)])
            else:
                self._audit.append(connection, [Entry("tool.refused", by, about)])
        if found is not None and found.manifest.acts:
            raise BadInput(f"{tool} does more than read.", fix="Propose it as an action.")
        if verdict.outcome != "auto" or found is None:
            raise Denied("This tool may not be called so.", fix="; ".join(verdict.reasons))
        return self._run(principal, by, found.manifest, verdict.arguments, asked, about)

    def version(
        self, principal: Principal, by: Actor, manifest: Manifest, arguments: Mapping[str, object]
    ) -> str:
        """Return the version that the record of a call has now; raises ToolFailed where it cannot be told."""
        touches = manifest.touches
        if touches is None or not touches.tool:
            return ""
        made = next(at(arguments, touches.reference), None)
        found = self.read(principal, by, touches.tool, {touches.argument: made})
        version = next(at(found.value, touches.version), None)
        if not isinstance(version, str | int) or isinstance(version, bool):
            raise ToolFailed("type", f"{touches.tool} gives no version.", certain=True)
        return str(version)

    def _run(
        self,
        principal: Principal,
        by: Actor,
        manifest: Manifest,
        arguments: Mapping[str, object],
        asked: Label,
        about: dict[str, Json],
    ) -> Reading:
        outcome, given = "failed", ""
        try:
            value = self._calling.run(ToolCall(manifest, arguments, principal.ref, str(about["call"])))
            outcome, given = "complete", self._commitment(value)
        except MunimentError as error:
            outcome = error.why if isinstance(error, ToolFailed) else error.code
            raise
        finally:
            done = {**about, "phase": "ended", "outcome": outcome, "result": given}
            self._audit.record([Entry("tool.read", by, done)])
        return reading(manifest, principal.ref, value, asked)

    def _decided(
        self,
        connection: sa.Connection,
        principal: Principal,
        tool: str,
        arguments: Mapping[str, object],
        asked: Label,
        model: str,
    ) -> tuple[Verdict, Tool | None]:
        standing = self._policy.standing(connection, principal)
        found = self._tools.get(connection, tool)
        manifest = None if found is None else found.manifest
        proposed = Proposed(tool, manifest, arguments, principal.ref, asked)
        facts = self._gathering.facts(connection, standing, found, proposed, model)
        return decide(proposed, facts), found

    def _count(self, connection: sa.Connection, call: str, manifest: Manifest, principal: Principal) -> None:
        if manifest.limits.per_minute is None and manifest.limits.per_day is None:
            return
        connection.execute(
            sa.insert(tool_call).values(
                id=call,
                tool=manifest.name,
                caller=principal.ref,
                at=timestamp(self._clock.now()),
                amount="",
                currency="",
            )
        )

    def _commitment(self, value: object) -> str:
        try:
            return self._audit.commitment(canonical(value).decode())
        except MunimentError:
            return ""
