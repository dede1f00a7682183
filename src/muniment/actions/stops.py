"""The switch that stops agents: of everything here, of one tool or of one model; read anew for every call.

Invariants:
- a stop holds from the next call on, in every process of the workspace, and for claims not yet made;
- it commits with its entry, and so does its end; whoever may run the installation may stop, and may end a stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import sqlalchemy as sa

from muniment.actions.tables import tool_stop
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.foundation.worded import Worded
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.frozen import frozen
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

Kind = Literal["everything", "tool", "model"]


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop, and whether it lasts."""

    id: str
    kind: Kind
    name: str
    reason: str
    stopped_at: str
    stopped_by: str
    ended_at: str | None
    ended_by: str | None


class Stops:
    """What is stopped in one workspace."""

    def __init__(self, database: Database, audit: AuditLog, gate: Gate, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._ids = ids

    def stop(self, kind: str, name: str, reason: str, who: Principal | None, by: Actor) -> Stop:
        """Stop everything, or a tool or model by name; raises BadInput for anything else, NotPermitted by policy."""
        if kind not in get_args(Kind) or bool(name) == (kind == "everything"):
            raise BadInput(
                f"{kind} {name} cannot be stopped.", fix="Stop everything, tool NAME or model NAME."
            )
        why = checked_reason(reason)
        made = self._ids.new("stop")
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "administer", WORKSPACE)
            at = timestamp(self._clock.now())
            values = {
                "id": made,
                "kind": kind,
                "name": name,
                "reason": why,
                "stopped_at": at,
                "stopped_by": by.ref,
            }
            connection.execute(sa.insert(tool_stop).values(**values))
            about = {**stated, "stop": made, "of": kind, "name": name, "reason": self._audit.commitment(why)}
            self._audit.append(connection, [Entry("actions.stopped", by, about)])
            return _of(connection.execute(sa.select(tool_stop).where(tool_stop.c.id == made)).one())

    def end(self, stop: str, who: Principal | None, by: Actor) -> Stop:
        """Let go on what a stop held; again changes nothing. Raises BadInput for none, else as `stop`."""
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "administer", WORKSPACE)
            chosen = sa.select(tool_stop).where(tool_stop.c.id == stop)
            found = connection.execute(chosen).first()
            if found is None:
                raise BadInput(f"There is no stop {stop[:64]!r}.", fix="See `muniment actions stops`.")
            if found.ended_at is None:
                values = {"ended_at": timestamp(self._clock.now()), "ended_by": by.ref}
                connection.execute(sa.update(tool_stop).where(tool_stop.c.id == stop).values(**values))
                about = {**stated, "stop": stop, "of": found.kind, "name": found.name}
                self._audit.append(connection, [Entry("actions.resumed", by, about)])
            return _of(connection.execute(chosen).one())

    def listing(self, who: Principal | None, by: Actor) -> Sequence[Stop]:
        """Return all of them, newest first, to whoever may stop; raises as `stop`."""
        with self._gate.recorded(by), self._database.read() as connection:
            self._gate.check(connection, who, "administer", WORKSPACE)
            query = sa.select(tool_stop).order_by(tool_stop.c.stopped_at.desc(), tool_stop.c.id)
            return [_of(row) for row in connection.execute(query)]

    def lasting(self) -> Sequence[Stop]:
        """Return what is stopped now, newest first; for whoever may see the settings, of whom that was asked."""
        query = sa.select(tool_stop).where(tool_stop.c.ended_at.is_(None))
        with self._database.read() as connection:
            return [_of(row) for row in connection.execute(query.order_by(tool_stop.c.stopped_at.desc()))]


def stopped(connection: sa.Connection, tool: str = "", model: str = "") -> str:
    """Return why nothing of this kind may run now, in words that anybody may read; empty where it may."""
    for kind, name in _LASTING.rows(connection):
        if kind == "everything":
            return "All actions are stopped."
        if (kind, name) == ("tool", tool):
            return f"The tool {tool} is stopped."
        if kind == "model" and model and name == model:
            return f"The model {model} is stopped."
    for kind, name in _FROZEN.rows(connection):
        if (kind, name) in (("tool", tool), ("endpoint", model)):
            return f"The {_WORDS[kind]} {name} is frozen."
    return ""


def _of(row: sa.Row[tuple[object, ...]]) -> Stop:
    return Stop(
        row.id, row.kind, row.name, row.reason, row.stopped_at, row.stopped_by, row.ended_at, row.ended_by
    )


_WORDS = {"tool": "tool", "endpoint": "model"}
_FROZEN = Worded(
    sa.select(frozen.c.kind, frozen.c.name).where(sa.or_(*(frozen.c.kind == kind for kind in sorted(_WORDS))))
)
_LASTING = Worded(
    sa.select(tool_stop.c.kind, tool_stop.c.name)
    .where(tool_stop.c.ended_at.is_(None))
    .order_by(tool_stop.c.id)
)
