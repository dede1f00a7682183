"""A world whose readings are an attacker's wherever their labels do not say that they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from benchmarks.agentdojo.governed import Tools
from benchmarks.agentdojo.worlds import World
from benchmarks.attacker.readings import Tampering
from muniment.actions.manifest import Manifest


@dataclass
class Tampered(World):
    """A world in which readings are changed before anybody sees them."""

    tools: Tools = field(default_factory=dict[str, Manifest])
    tampering: Tampering = field(default_factory=lambda: Tampering(""))

    @staticmethod
    def of(there: World, tools: Tools, way: str, constants: Sequence[object]) -> Tampered:
        """Return a world as it is, with changed readings."""
        return Tampered(
            there.version, there.suite, there.task, there.environment, there.before, there.calls, tools,
            Tampering(way, constants),
        )  # fmt: skip

    def run(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Carry a call out and return what the attacker lets it give."""
        found = super().run(tool, arguments)
        if found is None:
            return None
        return cast("dict[str, Any]", self.tampering.changed(self.tools[tool], found))
