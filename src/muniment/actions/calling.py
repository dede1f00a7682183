"""Calls made and checked: a tool is disabled at once where its remote side is not what its manifest tells of."""

from __future__ import annotations

from muniment.actions.registry import Tools
from muniment.actions.runners.call import Runner, ToolCall, ToolFailed
from muniment.actions.runners.checked import run_checked
from muniment.governance.identity.principal import Actor

CHANGED = "definition-changed"
"""What a runner says of a tool that is no longer the one that its manifest was written for."""
_ITSELF = Actor("muniment", "python")


class Calling:
    """Makes calls in one workspace."""

    def __init__(self, runner: Runner, tools: Tools) -> None:
        self._runner = runner
        self._tools = tools

    def run(self, call: ToolCall) -> object:
        """Return a tool's result, checked against its manifest; raises ToolFailed."""
        try:
            return run_checked(self._runner, call)
        except ToolFailed as error:
            if error.code == CHANGED:
                self._tools.changed_definition(call.manifest.name, error.public.rstrip("."), _ITSELF)
            raise
