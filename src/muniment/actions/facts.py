"""What a verdict needs to know of the workspace, read in one snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import cast

import sqlalchemy as sa

from muniment.actions.decide import Facts, Proposed, Used
from muniment.actions.manifest import Manifest
from muniment.actions.paths import at
from muniment.actions.recipients import Recipients
from muniment.actions.registry import Tool, resource_of
from muniment.actions.risk import RiskPolicy
from muniment.actions.stops import stopped
from muniment.actions.tables import tool_call
from muniment.foundation.canonical import canonical
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.errors import MunimentError
from muniment.foundation.worded import Worded
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing


@dataclass(frozen=True, slots=True)
class Gathering:
    """Collects facts by the rules of one workspace."""

    risk: RiskPolicy
    recipients: Recipients
    clock: Clock

    def facts(
        self, connection: sa.Connection, standing: Standing, tool: Tool | None, proposed: Proposed, model: str
    ) -> Facts:
        """Return the facts about a call, as of this snapshot, by its arguments as they would be carried out."""
        proposed = _spelled(proposed)
        halted = stopped(connection, proposed.tool, model)
        if tool is None:
            return Facts(standing.decide("use_tool", WORKSPACE), self.risk, stopped=halted)
        made = tool.manifest
        on = record_of(made, proposed.arguments)
        return Facts(
            permission=standing.decide("use_tool", resource_of(made, on)),
            risk=self.risk,
            recipients=self.recipients.of(connection, made, proposed.arguments),
            used=self._used(connection, made, proposed.caller),
            stopped=halted,
            disabled="" if tool.enabled else f"The tool {made.name} is disabled: {tool.why}.",
        )

    def _used(self, connection: sa.Connection, manifest: Manifest, caller: str) -> Used:
        limits = manifest.limits
        if limits.per_minute is None and limits.per_day is None and limits.most_per_day is None:
            return Used()
        now = self.clock.now()
        midnight = timestamp(now.replace(hour=0, minute=0, second=0, microsecond=0))
        recent = timestamp(now - timedelta(minutes=1))
        rows = _CALLS.rows(connection, tool=manifest.name, caller=caller, since=min(midnight, recent))
        amounts: dict[str, Decimal] = {}
        day = 0
        for when, amount, currency in cast("list[tuple[str, str, str]]", rows):
            if when >= midnight:
                day += 1
                if currency:
                    amounts[currency] = amounts.get(currency, Decimal(0)) + Decimal(amount)
        return Used(sum(when >= recent for when, _, _ in rows), day, amounts)


def _spelled(proposed: Proposed) -> Proposed:
    """Return a call with its arguments as they would be carried out, with none where they cannot be."""
    try:
        spelled = json.loads(canonical(proposed.arguments))
    except (MunimentError, RecursionError):
        spelled = {}
    return replace(proposed, arguments=spelled)


def record_of(manifest: Manifest, arguments: Mapping[str, object]) -> str:
    """Return the record that a call is about, as `kind:id`, empty where its manifest names none."""
    if manifest.touches is None:
        return ""
    found = next(at(arguments, manifest.touches.reference), None)
    return f"{manifest.touches.kind}:{found}" if isinstance(found, str | int) else ""


_CALLS = Worded(
    sa.select(tool_call.c.at, tool_call.c.amount, tool_call.c.currency).where(
        tool_call.c.tool == sa.bindparam("tool"),
        tool_call.c.caller == sa.bindparam("caller"),
        tool_call.c.at >= sa.bindparam("since"),
    )
)
