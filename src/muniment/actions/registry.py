"""The tools of one workspace: which manifest of each counts, and what is stopped.

Invariants:
- a tool without a manifest that somebody added does not exist;
- every change commits with an entry of the log; manifests that were ever in use are kept;
- a tool that is disabled, or whose text is not what its digest says, runs for nobody.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.actions.manifest import Manifest
from muniment.actions.manifest_file import read_manifest
from muniment.actions.tables import tool, tool_manifest
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, MunimentError
from muniment.foundation.worded import Worded
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate

_KEPT = 256


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as it stands."""

    manifest: Manifest
    enabled: bool
    why: str
    """Why it is disabled."""
    changed_at: str
    changed_by: str

    def as_json(self) -> dict[str, object]:
        """Return it as the interfaces show it."""
        made = self.manifest
        return {
            "name": made.name,
            "says": made.says,
            "effect": made.effect,
            "reversible": made.reversible,
            "sensitivity": made.sensitivity,
            "manifest": made.digest,
            "enabled": self.enabled,
            "why": self.why,
            "arguments": made.arguments,
            "roles": dict(made.roles),
            "changed_at": self.changed_at,
            "changed_by": self.changed_by,
        }


class Tools:
    """The tools of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._lock = threading.Lock()
        self._read: OrderedDict[str, Manifest] = OrderedDict()

    def add(self, text: str, who: Principal | None, by: Actor) -> Tool:
        """Let a manifest count from now on, in place of an earlier one of its tool; None: whoever opens the keys.

        Raises BadInput for a manifest that leaves something open, NotPermitted as policy says.
        """
        made = read_manifest(text)
        at = timestamp(self._clock.now())
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "manage_tool", resource_of(made))
            if made.undo is not None and made.undo.tool != made.name:
                self._check_undo(connection, made)
            if connection.execute(_KNOWN, {"digest": made.digest}).first() is None:
                connection.execute(
                    sa.insert(tool_manifest).values(
                        digest=made.digest, name=made.name, text=text, added_at=at, added_by=by.ref
                    )
                )
            values = {
                "manifest": made.digest,
                "enabled": True,
                "why": "",
                "changed_at": at,
                "changed_by": by.ref,
            }
            changed = connection.execute(sa.update(tool).where(tool.c.name == made.name).values(**values))
            if changed.rowcount == 0:
                connection.execute(sa.insert(tool).values(name=made.name, **values))
            about = {**stated, "tool": made.name, "manifest": made.digest, "effect": made.effect}
            self._audit.append(connection, [Entry("tool.added", by, about)])
            return self._found(connection, made.name)

    def disable(self, name: str, why: str, who: Principal | None, by: Actor) -> Tool:
        """Let a tool run for nobody until its manifest is added again or it is enabled."""
        return self._switch(name, False, why, who, by)

    def enable(self, name: str, who: Principal | None, by: Actor) -> Tool:
        """Let a disabled tool run again, by the manifest that counted."""
        return self._switch(name, True, "", who, by)

    def changed_definition(self, name: str, why: str, by: Actor) -> None:
        """Disable a tool whose remote side is not what its manifest was written for."""
        with self._database.write() as connection:
            self._set(connection, name, False, why, by, {})

    def get(self, connection: sa.Connection, name: str) -> Tool | None:
        """Return a tool as of this snapshot, or None."""
        rows = _ONE.rows(connection, name=name)
        return self._made(rows[0]) if rows else None

    def of_digest(self, connection: sa.Connection, digest: str) -> Manifest | None:
        """Return a manifest that is or was in use."""
        text: str | None = connection.execute(_TEXT, {"digest": digest}).scalar()
        return None if text is None else self._manifest(digest, text)

    def show(self, name: str) -> Tool:
        """Return a tool; raises BadInput for none."""
        with self._database.read() as connection:
            return self._found(connection, name)

    def all(self, connection: sa.Connection) -> Sequence[Tool]:
        """Return every tool as of this snapshot, by name."""
        found = [self._made(row) for row in _ALL.rows(connection)]
        return [one for one in found if one is not None]

    def listing(self) -> Sequence[Tool]:
        """Return every tool, by name."""
        with self._database.read() as connection:
            return self.all(connection)

    def _check_undo(self, connection: sa.Connection, made: Manifest) -> None:
        if made.undo is not None and self.get(connection, made.undo.tool) is None:
            raise BadInput(
                f"undo.tool names {made.undo.tool!r}, which is no tool.",
                fix="Add that tool's manifest first.",
            )

    def _switch(self, name: str, enabled: bool, why: str, who: Principal | None, by: Actor) -> Tool:
        with self._gate.recorded(by), self._database.write() as connection:
            found = self._found(connection, name)
            stated = self._gate.check(connection, who, "manage_tool", resource_of(found.manifest))
            self._set(connection, name, enabled, why, by, stated)
            return self._found(connection, name)

    def _set(
        self, connection: sa.Connection, name: str, enabled: bool, why: str, by: Actor, stated: dict[str, str]
    ) -> None:
        values = {
            "enabled": enabled,
            "why": why,
            "changed_at": timestamp(self._clock.now()),
            "changed_by": by.ref,
        }
        connection.execute(sa.update(tool).where(tool.c.name == name).values(**values))
        kind = "tool.enabled" if enabled else "tool.disabled"
        self._audit.append(connection, [Entry(kind, by, {**stated, "tool": name})])

    def _found(self, connection: sa.Connection, name: str) -> Tool:
        found = self.get(connection, name)
        if found is None:
            raise BadInput(f"There is no tool {name[:64]!r}.", fix="See `muniment tools list`.")
        return found

    def _made(self, row: Sequence[object]) -> Tool | None:
        digest, text, enabled, why, at, by = row
        manifest = self._manifest(str(digest), str(text))
        if manifest is None:
            return None
        return Tool(manifest, bool(enabled), str(why), str(at), str(by))

    def _manifest(self, digest: str, text: str) -> Manifest | None:
        """Return the manifest of a text, None where it is not what its digest says: such a tool does not exist."""
        with self._lock:
            found = self._read.get(digest)
        if found is None or found.source != text:
            try:
                found = read_manifest(text)
            except MunimentError:
                return None
            if found.digest != digest:
                return None
            with self._lock:
                self._read[digest] = found
                if len(self._read) > _KEPT:
                    self._read.popitem(last=False)
        return found


def resource_of(manifest: Manifest, on: str = "") -> Resource:
    """Return a tool as policies speak of it; `on` names the record that a call is about."""
    about = {"on": on} if on else {}
    return Resource(
        "Tool",
        manifest.name,
        {
            "allowed_groups": manifest.allowed_groups,
            "effect": manifest.effect,
            "sensitivity": manifest.sensitivity,
            **about,
        },
    )


_JOINED = sa.select(
    tool.c.manifest, tool_manifest.c.text, tool.c.enabled, tool.c.why, tool.c.changed_at, tool.c.changed_by
).join(tool_manifest, tool_manifest.c.digest == tool.c.manifest)
_ONE = Worded(_JOINED.where(tool.c.name == sa.bindparam("name")))
_ALL = Worded(_JOINED.order_by(tool.c.name))
_KNOWN = sa.select(tool_manifest.c.digest).where(tool_manifest.c.digest == sa.bindparam("digest"))
_TEXT = sa.select(tool_manifest.c.text).where(tool_manifest.c.digest == sa.bindparam("digest"))
