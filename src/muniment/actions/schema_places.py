"""The places that a JSON Schema lets values have, and where it leaves them open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from muniment.actions.paths import ROOT, under

_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_COMBINED = ("anyOf", "oneOf", "allOf")
_LOOSE = ("patternProperties", "prefixItems", "if", "then", "else", "not", "dependentSchemas", "contains")
"""Keywords by which a place can hold what no list of places tells."""

Schema = Mapping[str, object]


def places(schema: Schema, path: str = ROOT) -> Iterator[str]:
    """Yield every place where a value without others in it can stand, once."""
    seen: set[str] = set()
    for place in _places(schema, path):
        if place not in seen:
            seen.add(place)
            yield place


def _places(schema: Schema, path: str) -> Iterator[str]:
    parts = _parts(schema)
    if parts:
        for part in parts:
            yield from _places(part, path)
        return
    properties = _properties(schema)
    for name, inner in properties.items():
        yield from _places(inner, under(path, name))
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from _places(cast(Schema, items), f"{path}[]")
    elif not properties and not (schema.get("type") == "object" and path == ROOT):
        yield path


def closed_places(schema: Schema, path: str = ROOT) -> Iterator[tuple[str, str]]:
    """Yield each place where a schema of arguments is open, and why; nothing for one that is closed."""
    for keyword in _LOOSE:
        if keyword in schema:
            yield path, f"uses {keyword}"
            return
    parts = _parts(schema)
    if parts:
        if _properties(schema) or "items" in schema:
            yield path, "mixes alternatives with fields of its own"
            return
        for part in parts:
            yield from closed_places(part, path)
        return
    kind = schema.get("type")
    if kind is None:
        if "enum" not in schema and "const" not in schema:
            yield path, "states no type"
        return
    for one in cast("list[object]", kind if isinstance(kind, list) else [kind]):
        yield from _closed(schema, one, path)


def _closed(schema: Schema, kind: object, path: str) -> Iterator[tuple[str, str]]:
    if kind == "object":
        if schema.get("additionalProperties") is not False:
            yield path, "lets unknown fields in (set additionalProperties = false)"
        for name, inner in _properties(schema).items():
            yield from closed_places(inner, under(path, name))
    elif kind == "array":
        items = schema.get("items")
        if isinstance(items, Mapping):
            yield from closed_places(cast(Schema, items), f"{path}[]")
        else:
            yield path, "does not say what its items are"
    elif kind not in _SCALARS:
        yield path, f"states the unknown type {kind!r}"


def _parts(schema: Schema) -> Sequence[Schema]:
    return [
        cast(Schema, part)
        for name in _COMBINED
        for part in cast("Sequence[object]", schema.get(name, ()))
        if isinstance(part, Mapping)
    ]


def _properties(schema: Schema) -> Mapping[str, Schema]:
    found = schema.get("properties")
    return cast("Mapping[str, Schema]", found) if isinstance(found, Mapping) else {}
