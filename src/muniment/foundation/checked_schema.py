"""A JSON Schema that somebody gave: checked before it is used, and what values are checked against.

References are resolved here and nowhere else: nothing outside the schema is ever fetched. Patterns are matched in
linear time, so neither a schema nor a value can make a check run on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput

LARGEST = 65_536
"""Bytes of a schema."""
DEEPEST = 64
MOST_NODES = 5_000
MOST_CHARACTERS = 4 * LARGEST
"""Both of a schema with its references resolved."""
_DATA = frozenset({"const", "enum", "default", "examples"})
"""Keywords that hold values, in which nothing refers to anything."""
_NAMED = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)
"""Keywords that hold schemas by name."""
_HINT = 'Give a JSON Schema, such as {"type": "object", "properties": {"days": {"type": "integer"}}}.'


class CheckedSchema:
    """A schema that values can be checked against."""

    def __init__(self, given: object) -> None:
        """Raises BadInput naming the place in the schema that is at fault."""
        import jsonschema_rs

        if not isinstance(given, dict):
            raise BadInput("The schema is not a JSON object.", fix=_HINT)
        whole = cast("dict[str, Any]", given)
        try:
            size = len(json.dumps(whole, allow_nan=False).encode())
        except (ValueError, RecursionError) as error:
            raise BadInput("The schema is not JSON, or nested too deep.", fix=_HINT) from error
        if size > LARGEST:
            raise BadInput(f"The schema has {size:,} bytes.", fix=f"Use at most {LARGEST:,}.")
        self.resolved = _Resolving(whole).resolve()
        self.digest = "sha256:" + hashlib.sha256(canonical(self.resolved)).hexdigest()
        """Of the schema with its references resolved (RFC 8785)."""
        try:
            self._validator = jsonschema_rs.validator_for(
                self.resolved,
                pattern_options=jsonschema_rs.RegexOptions(),
                mask="it",
                offline=True,
                validate_formats=True,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            path = getattr(error, "instance_path", ())
            where = _pointer(path) if path else "the schema"
            said = str(getattr(error, "message", error)).splitlines()[0][:200]
            raise BadInput(f"The schema is not valid at {where}: {said}.", fix=_HINT) from error

    def faults(self, value: object) -> list[str]:
        """Return what is wrong with a value, each as its place and a sentence; empty where it is valid.

        Nothing of the value is in them, and no name that the schema does not know.
        """
        try:
            return [
                f"{self.known(_pointer(error.instance_path))}: {_said(error)}"
                for error, _ in zip(self._validator.iter_errors(value), range(8), strict=False)
            ]
        except (ValueError, RecursionError):
            return ["/: it is no JSON value that can be checked"]

    def known(self, pointer: str) -> str:
        """Return a place as far as the schema names it; deeper names are those of whoever made the value."""
        node: Any = self.resolved
        kept: list[str] = []
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            inside = cast("Mapping[str, Any]", node) if isinstance(node, dict) else {}
            properties = inside.get("properties")
            if isinstance(properties, dict) and name in properties:
                node = cast("Mapping[str, Any]", properties)[name]
            elif part.isdecimal() and "items" in inside:
                node = inside["items"]
            else:
                break
            kept.append(part)
        return "/" + "/".join(kept)


def _said(error: Any) -> str:
    """A sentence about a fault: the schema's own words only."""
    if error.kind.name in ("additionalProperties", "unevaluatedProperties", "propertyNames"):
        return "it has fields that the schema does not know"
    return str(error.message)[:300]


class _Resolving:
    """References replaced by what they lead to; nothing recursive, nothing from elsewhere."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self._whole = whole
        self._nodes = 0
        self._characters = 0

    def resolve(self) -> dict[str, Any]:
        found = self._resolved(self._whole, (), 0)
        if not isinstance(found, dict):
            raise BadInput("The schema says the same of every value.", fix=_HINT)
        found = cast("dict[str, Any]", found)
        for name in ("$defs", "definitions"):
            found.pop(name, None)
        return found

    def _resolved(self, node: Any, open_: tuple[str, ...], depth: int, names: bool = False) -> Any:
        """Return a node resolved; with `names`, its keys are names that the schema gives, not keywords."""
        self._nodes += 1
        if depth > DEEPEST:
            raise BadInput(f"The schema is nested deeper than {DEEPEST} levels.", fix="Flatten it.")
        if self._nodes > MOST_NODES:
            raise BadInput(f"The schema has more than {MOST_NODES:,} parts.", fix="Ask for less at a time.")
        if isinstance(node, list):
            return [self._resolved(one, open_, depth + 1) for one in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return self._value(node)
        found = cast("dict[str, Any]", node)
        if names:
            return {key: self._resolved(one, open_, depth + 1) for key, one in found.items()}
        for name in ("$dynamicRef", "$recursiveRef", "$dynamicAnchor"):
            if name in found:
                raise BadInput(f"The schema uses {name}.", fix="Write out what it stands for.")
        if "$ref" not in found:
            return {
                key: self._value(one)
                if key in _DATA
                else self._resolved(one, open_, depth + 1, key in _NAMED)
                for key, one in found.items()
                if key != "$id"
            }
        return self._referred(found, open_, depth)

    def _value(self, value: Any) -> Any:
        self._characters += len(json.dumps(value))
        if self._characters > MOST_CHARACTERS:
            raise BadInput(
                f"The schema has more than {MOST_CHARACTERS:,} characters with its references resolved.",
                fix="Ask for less at a time.",
            )
        return value

    def _referred(self, node: dict[str, Any], open_: tuple[str, ...], depth: int) -> Any:
        reference = node["$ref"]
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise BadInput(
                "The schema refers to what is not inside it.",
                fix="Only references such as #/$defs/NAME are followed.",
            )
        if reference in open_:
            raise BadInput(
                f"The schema is recursive at {reference[:100]}.", fix="Write out as many levels as you need."
            )
        beside = {key: one for key, one in node.items() if key != "$ref"}
        target = self._resolved(self._at(reference), (*open_, reference), depth + 1)
        if not beside or not isinstance(target, dict):
            return target
        return {"allOf": [target, self._resolved(beside, open_, depth + 1)]}

    def _at(self, reference: str) -> Any:
        place: Any = self._whole
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(place, dict) and name in place:
                place = cast("dict[str, Any]", place)[name]
            elif isinstance(place, list) and name.isdecimal() and int(name) < len(cast("list[Any]", place)):
                place = cast("list[Any]", place)[int(name)]
            else:
                raise BadInput(f"The schema refers to {reference[:100]}, which it does not hold.")
        return place


def _pointer(path: Any) -> str:
    """Return a place as a JSON pointer (RFC 6901)."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in path)
