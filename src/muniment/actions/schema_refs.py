"""References inside a JSON document: what they lead to, written out or collected; nothing outside it is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from muniment.foundation.errors import BadInput

DEEPEST = 64
MOST_NODES = 20_000
_NAMES = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords that hold schemas by name."""
_DATA = frozenset({"const", "enum", "default", "example", "examples"})
"""Keywords that hold values, in which nothing refers to anything."""
_SAYING = frozenset({"description", "title", "summary", "default", "example", "examples", "deprecated"})
"""Keywords that state nothing a value has to keep to."""


class References:
    """One document and what is referred to in it."""

    def __init__(self, whole: Mapping[str, object]) -> None:
        self._whole = whole
        self._nodes = 0

    def resolved(self, schema: object) -> object:
        """Return a schema with its references written out; raises BadInput for one that is recursive or too large."""
        self._nodes = 0
        return self._resolved(schema, ())

    def followed(self, node: object) -> object:
        """Return what a node leads to where it is a reference itself, else the node; raises BadInput."""
        for _ in range(DEEPEST):
            if not isinstance(node, Mapping) or "$ref" not in node:
                return node
            node = self._at(cast("Mapping[str, object]", node)["$ref"])
        raise BadInput("The document refers in a circle.", fix="Mend it.")

    def behind(self, node: object) -> dict[str, object]:
        """Return all that a node refers to, directly or by what it refers to, by reference."""
        found: dict[str, object] = {}
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Mapping):
                fields = cast("Mapping[str, object]", one)
                reference = fields.get("$ref")
                if isinstance(reference, str) and reference not in found:
                    found[reference] = self._at(reference)
                    waiting.append(found[reference])
                waiting += fields.values()
            elif isinstance(one, list):
                waiting += cast("list[object]", one)
        return found

    def _resolved(self, node: object, open_: tuple[str, ...], names: bool = False, depth: int = 0) -> object:
        self._nodes += 1
        if depth > DEEPEST or self._nodes > MOST_NODES:
            raise BadInput("The schema is too large.", fix="Write out what is needed of it.")
        if isinstance(node, list):
            return [self._resolved(one, open_, depth=depth + 1) for one in cast("list[object]", node)]
        if not isinstance(node, Mapping):
            return node
        fields = cast("Mapping[str, object]", node)
        if "$ref" in fields and not names:
            return self._referred(fields, open_, depth)
        return {
            key: one
            if key in _DATA and not names
            else self._resolved(one, open_, not names and key in _NAMES, depth + 1)
            for key, one in fields.items()
        }

    def _referred(self, fields: Mapping[str, object], open_: tuple[str, ...], depth: int) -> object:
        reference = str(fields["$ref"])
        if reference in open_:
            raise BadInput(
                f"The schema is recursive at {reference[:100]}.", fix="Write out as many levels as you need."
            )
        target = self._resolved(self._at(reference), (*open_, reference), depth=depth + 1)
        beside = {key: one for key, one in fields.items() if key != "$ref"}
        if not isinstance(target, dict) or not beside:
            return target
        if beside.keys() <= _SAYING:
            return {**cast("dict[str, object]", target), **beside}
        return {"allOf": [target, self._resolved(beside, open_, depth=depth + 1)]}

    def _at(self, reference: object) -> object:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise BadInput(
                "The document refers to what is not inside it.",
                fix="Only references such as #/NAME are followed.",
            )
        place: object = self._whole
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(place, Mapping) or name not in place:
                raise BadInput(f"The document refers to {reference[:100]}, which it does not hold.")
            place = place[name]
        return place
