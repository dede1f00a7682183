"""What a model may say while it does a task: one move of a closed set. All of it is the model's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from muniment.actions.arguments import read_arguments
from muniment.foundation.errors import BadInput, MunimentError

Kind = Literal["read", "search", "look", "take", "plan", "run", "propose", "answer"]
LONGEST = 60_000
"""Characters of a reply."""
_OBJECT: Mapping[str, object] = {"type": "object"}
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "required": ["move"],
    "properties": {
        "move": {"enum": list(get_args(Kind))},
        "tool": {"type": "string"},
        "arguments": _OBJECT,
        "query": {"type": "string"},
        "result": {"type": "string"},
        "question": {"type": "string"},
        "schema": _OBJECT,
        "calls": {"type": "array", "items": _OBJECT},
        "step": {"type": "string"},
        "text": {"type": "string"},
    },
}
"""The schema that endpoints are held to where they can be; what comes is read by `read_move` all the same."""
_NEEDS: Mapping[Kind, tuple[str, ...]] = {
    "read": ("tool", "arguments"),
    "search": ("query",),
    "look": ("result",),
    "take": ("result", "question", "schema"),
    "plan": ("calls",),
    "run": (),
    "propose": (),
    "answer": ("text",),
}


@dataclass(frozen=True, slots=True)
class Move:
    """One move."""

    kind: Kind
    tool: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    query: str = ""
    result: str = ""
    question: str = ""
    schema: Mapping[str, object] = field(default_factory=dict[str, object])
    calls: Sequence[Mapping[str, object]] = ()
    step: str = ""
    text: str = ""


def read_move(reply: str) -> Move:
    """Return the move that a reply holds; raises BadInput in words that are ours, for the model to mend."""
    begin, end = reply.find("{"), reply.rfind("}")
    if begin < 0 or end < begin or len(reply) > LONGEST:
        raise BadInput("The reply holds no JSON object.", fix='Reply {"move": "answer", "text": "..."}.')
    found = cast("Mapping[str, Any]", read_arguments(reply[begin : end + 1]))
    kind: Kind | None = next((one for one in _NEEDS if one == found.get("move")), None)
    if kind is None:
        raise BadInput("The reply names no move.", fix=f"Use one of {', '.join(get_args(Kind))}.")
    for name in _NEEDS[kind]:
        if name not in found:
            raise BadInput(f"A {kind} needs {name}.", fix="Reply again with it.")
    if kind == "propose" and "step" not in found and ("tool" not in found or "arguments" not in found):
        raise BadInput("A propose needs tool and arguments, or step.", fix="Reply again with them.")
    return Move(
        kind,
        tool=_text(found, "tool"),
        arguments=_object(found, "arguments"),
        query=_text(found, "query"),
        result=_text(found, "result"),
        question=_text(found, "question"),
        schema=_object(found, "schema"),
        calls=_calls(found),
        step=_text(found, "step"),
        text=_text(found, "text"),
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name, "")
    if not isinstance(value, str):
        raise BadInput(f"{name} is no text.", fix="Reply again with a text.")
    return value


def _object(found: Mapping[str, Any], name: str) -> Mapping[str, object]:
    value = found.get(name, {})
    if not isinstance(value, dict):
        raise BadInput(f"{name} is no object.", fix="Reply again with an object.")
    return cast("Mapping[str, object]", value)


def _calls(found: Mapping[str, Any]) -> Sequence[Mapping[str, object]]:
    calls = found.get("calls", [])
    if not isinstance(calls, list) or not all(isinstance(one, dict) for one in cast("list[object]", calls)):
        raise BadInput("calls is no list of objects.", fix="Reply again with a list of calls.")
    return cast("list[Mapping[str, object]]", calls)


def told(error: MunimentError) -> str:
    """Return what a model is told of a fault in its move: our own words, which hold nothing of a tool or document."""
    return (
        f"{error.public} {error.fix}".strip()[:600] if isinstance(error, BadInput) else "It was not possible."
    )
