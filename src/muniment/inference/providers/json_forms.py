"""Which JSON Schemas a grammar can hold a reply to.

The runtime passes over what its grammars cannot express, and a reply then keeps to less than was asked: such a schema
is refused instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

_PLAIN = frozenset(
    {"type", "title", "description", "enum", "const", "required", "minItems", "maxItems"}
    | {"minLength", "maxLength", "minimum", "maximum"}
)
_FORMS = frozenset({"items", "additionalProperties"})
"""Hold one schema."""
_LISTS = frozenset({"anyOf", "oneOf"})
_MAPS = frozenset({"properties", "$defs"})


def inexpressible(schema: object) -> str:
    """Return the first thing in `schema` that no grammar can express, or nothing."""
    if isinstance(schema, bool):
        return ""
    if not isinstance(schema, Mapping):
        return "a schema that is no object"
    for key, value in cast("Mapping[str, object]", schema).items():
        if fault := _fault(key, value):
            return fault
    return ""


def _fault(key: str, value: object) -> str:
    if key in _PLAIN:
        return ""
    if key == "$ref":
        return "" if str(value).startswith("#/$defs/") else "a reference to another document"
    if key in _FORMS:
        return inexpressible(value)
    if key in _LISTS and isinstance(value, list):
        return next(filter(None, map(inexpressible, cast("list[object]", value))), "")
    if key in _MAPS and isinstance(value, Mapping):
        return next(filter(None, map(inexpressible, cast("Mapping[str, object]", value).values())), "")
    return f"it has the keyword {key}"
