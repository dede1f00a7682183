"""Which runner makes which call, and the check of what it gave."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.actions.manifest import Runs
from muniment.actions.runners.call import Runner, ToolCall, ToolFailed
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput


class Running:
    """The runners of one workspace, by the kind of what a manifest runs."""

    def __init__(self, runners: Mapping[type[Runs], Runner]) -> None:
        self._runners = runners

    def run(self, call: ToolCall) -> object:
        """Return a tool's result, checked against its manifest; raises ToolFailed."""
        runner = self._runners.get(type(call.manifest.runs))
        if runner is None:
            raise ToolFailed(
                "unreachable", f"Nothing here can run {call.manifest.name}.", certain=True, fix="See [tools]."
            )
        value = runner.run(call)
        try:
            size = len(canonical(value))
        except (BadInput, RecursionError) as error:
            raise self._nonsense(call, "gave what JSON cannot say") from error
        if size > call.manifest.most_bytes:
            raise ToolFailed(
                "size", f"{call.manifest.name} gave {size:,} bytes.", certain=not call.manifest.acts
            )
        faults = call.manifest.gives.faults(value)
        if faults:
            raise self._nonsense(call, f"gave something else than its manifest says ({faults[0]})")
        return value

    def _nonsense(self, call: ToolCall, what: str) -> ToolFailed:
        return ToolFailed(
            "type",
            f"{call.manifest.name} {what}.",
            certain=not call.manifest.acts,
            fix="Review its manifest.",
        )
