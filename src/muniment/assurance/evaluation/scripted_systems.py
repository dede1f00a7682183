"""Stand-ins for the systems that tools call, inside this process: they say what a suite has written down, and keep a
journal of what they were made to do. Only scratch workspaces have them; nothing outside is reached.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from muniment.actions.runners.call import ToolCall, ToolFailed

_PLAIN: Mapping[str, object] = {
    "string": "s-1",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": (),
    "null": None,
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a tool was made to do."""

    tool: str
    caller: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Read:
    """What a reading tool gives for arguments."""

    tool: str
    arguments: Mapping[str, object]
    result: object


@dataclass
class ScriptedSystems:
    """The systems of one scratch workspace."""

    reads: tuple[Read, ...] = ()
    effects: list[Effect] = field(default_factory=list[Effect])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, call: ToolCall) -> object:
        """Give what is written down, or keep what is done; raises ToolFailed for what nothing is known of."""
        name, arguments = call.manifest.name, dict(call.arguments)
        if call.manifest.acts:
            if not call.dry_run:
                with self._lock:
                    self.effects.append(Effect(name, call.caller, arguments))
            return _fitting(call.manifest.result, arguments)
        for one in self.reads:
            if one.tool == name and one.arguments.items() <= arguments.items():
                return one.result
        raise ToolFailed("refused", "There is no such record.", certain=True)

    def of(self, caller: str) -> list[Effect]:
        """Return what was done for a caller so far."""
        with self._lock:
            return [one for one in self.effects if one.caller == caller]


def _fitting(schema: Mapping[str, Any], arguments: Mapping[str, object]) -> object:
    """Return a value that a tool may give: arguments under their own names, and plain values for the rest."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        fields = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
        return {name: arguments.get(name, _fitting(one, {})) for name, one in fields.items()}
    if "anyOf" in schema:
        return None if {"type": "null"} in schema["anyOf"] else _fitting(schema["anyOf"][0], {})
    found = _PLAIN.get(str(kind))
    return [] if found == () else found
