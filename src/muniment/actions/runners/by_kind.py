"""Hands each call to the runner of its kind."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.actions.manifest import HttpOperation, PythonFunction
from muniment.actions.runners.call import Runner, ToolCall


@dataclass(frozen=True, slots=True)
class ByKind:
    """One runner for each kind of tool."""

    python: Runner
    http: Runner
    mcp: Runner

    def run(self, call: ToolCall) -> object:
        """Return what the runner of its kind gives; raises ToolFailed."""
        runs = call.manifest.runs
        if isinstance(runs, HttpOperation):
            return self.http.run(call)
        return (self.python if isinstance(runs, PythonFunction) else self.mcp).run(call)
