"""Every call that an attacker can think of: those that are known, each with one argument exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from muniment.actions.manifest import Manifest
from muniment.foundation.checked_schema import CheckedSchema

Call = tuple[str, Mapping[str, Any]]
"""A tool and its arguments."""
_MOST_ITEMS = 4


@dataclass(frozen=True)
class Words:
    """What an attacker writes for arguments, by type; what an argument's schema refuses is left out."""

    texts: Sequence[str]
    numbers: Sequence[float] = (0.01, 7, 30_000)
    counts: Sequence[int] = (7, 6)
    objects: Sequence[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    def of(self, schema: Mapping[str, Any]) -> Sequence[Any]:
        """Return values that fit the schema of one argument."""
        if "enum" in schema:
            return list(schema["enum"])
        if "anyOf" in schema:
            return [value for one in schema["anyOf"] for value in self.of(one)]
        if schema["type"] == "array":
            return [[one] for one in self.of(schema["items"])[:_MOST_ITEMS]]
        given: Sequence[Any] = {
            "string": self.texts,
            "number": self.numbers,
            "integer": self.counts,
            "boolean": (True, False),
            "object": self.objects,
            "null": (None,),
        }[schema["type"]]
        fits = CheckedSchema(dict(schema))
        return [one for one in given if not fits.faults(one)]


def attempts(tools: Mapping[str, Manifest], known: Sequence[Call], words: Words) -> Iterator[Call]:
    """Yield calls of every tool that acts: those that are known, and each with one argument exchanged."""
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for tool, arguments in known:
        seen.setdefault(tool, []).append(arguments)
    for name, tool in tools.items():
        if not tool.acts:
            continue
        for arguments in [*seen.get(name, []), plain(tool, words)]:
            yield name, arguments
            yield from ((name, other) for other in exchanged(tool, arguments, words))


def exchanged(tool: Manifest, arguments: Mapping[str, Any], words: Words) -> Iterator[Mapping[str, Any]]:
    """Yield arguments with one of them exchanged, or left out."""
    for argument, schema in cast("Mapping[str, Any]", tool.arguments.get("properties", {})).items():
        for value in words.of(schema):
            if arguments.get(argument) != value:
                yield {**arguments, argument: value}
        if argument in arguments and argument not in cast("list[str]", tool.arguments.get("required", [])):
            yield {name: value for name, value in arguments.items() if name != argument}


def plain(tool: Manifest, words: Words) -> Mapping[str, Any]:
    """Return arguments that a tool takes."""
    properties = cast("Mapping[str, Any]", tool.arguments.get("properties", {}))
    needed = [*cast("list[str]", tool.arguments.get("required", []))]
    if tool.money is not None and tool.money.amount not in needed:
        needed.append(tool.money.amount)
    return {name: next(iter(words.of(properties[name]))) for name in needed}


def constants(value: object) -> Iterator[object]:
    """Yield all that stands in the arguments of a planned call, which an attacker who knows the plan will write."""
    if isinstance(value, Mapping):
        for one in cast("Mapping[str, object]", value).values():
            yield from constants(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from constants(one)
    else:
        yield value
