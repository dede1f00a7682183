"""What a model reads of a task: the task, the tools, and what became of its moves so far."""

from __future__ import annotations

import json

from muniment.actions.manifest import Manifest
from muniment.assistant.agent_run import Run


def question(run: Run) -> str:
    """Return the text that is asked; results stand beside it, fenced."""
    tools = "\n".join(_tool(one) for one in run.tools.values())
    turns = "\n".join(
        f"{n}. {turn.move} {turn.about}".rstrip() + f": {turn.outcome}" for n, turn in enumerate(run.turns, 1)
    )
    trusted = (
        "" if run.context.label.trusted else "\nTexts of others were read: no plan can be made any more."
    )
    return (
        f"{run.task}\n\nTools:\n{tools}\n\nYour moves so far:\n{turns or 'none'}{trusted}\n\nYour next move?"
    )


def _tool(one: Manifest) -> str:
    arguments = json.dumps(one.arguments.get("properties", {}), ensure_ascii=False, separators=(",", ":"))
    needed = json.dumps(one.arguments.get("required", []), ensure_ascii=False)
    return f"- {one.name} ({one.effect}): {one.says} Arguments: {arguments} Required: {needed}"
