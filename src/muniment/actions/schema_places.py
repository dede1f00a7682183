"""The places that a JSON Schema lets values have, and where it leaves them open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from muniment.actions.paths import ROOT, is_name, under

_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_COMBINED = ("anyOf", "oneOf", "allOf")
_LOOSE = (
    *("patternProperties", "prefixItems", "if", "then", "else", "not", "dependentSchemas", "contains"),
    *("dependencies", "additionalItems", "unevaluatedItems", "unevaluatedProperties"),
)
"""Keywords by which a place can hold what no list of places tells."""
_DIALECTS = re.compile(r"https?://json-schema\.org/(?:draft-0[67]|draft/20\d\d-\d\d)/schema#?")
"""Those in which `const` is a keyword: to an older one it is a remark."""
_REMARKS = frozenset({"title", "description", "default", "examples", "$comment", "deprecated"})

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
            if isinstance(part, Mapping):
                yield from _places(cast(Schema, part), path)
        return
    kinds = _kinds(schema)
    fields = _properties(schema) if "object" in kinds else {}
    for name, inner in fields.items():
        if isinstance(inner, Mapping):
            yield from _places(cast(Schema, inner), under(path, name))
    items = schema.get("items") if "array" in kinds else None
    if isinstance(items, Mapping):
        yield from _places(cast(Schema, items), f"{path}[]")
    # What may be a list or a text stands at its own place too: the place of its items would not tell of the text.
    plain = kinds - {"object", "array", "null"}
    if plain or (not fields and items is None and not (path == ROOT and "object" in kinds)):
        yield path


def closed_places(schema: object, path: str = ROOT) -> Iterator[tuple[str, str]]:
    """Yield each place where a schema of arguments is open, and why; nothing for one that is closed."""
    if not isinstance(schema, Mapping):
        if schema is not False:
            yield path, "lets anything stand"
        return
    found = cast(Schema, schema)
    why = _loose(found)
    parts = _parts(found)
    if why:
        yield path, why
    elif parts:
        for part in parts:
            yield from closed_places(part, path)
    elif "type" not in found:
        if not _lists_plain_values(found):
            yield path, "states no type"
    else:
        kind = found["type"]
        for one in cast("list[object]", kind if isinstance(kind, list) else [kind]):
            yield from _closed(found, one, path)


def _loose(schema: Schema) -> str:
    """Return what a schema uses by which it is not closed, whatever else it says; empty for nothing."""
    for keyword in _LOOSE:
        if keyword in schema:
            return f"uses {keyword}"
    if not _DIALECTS.fullmatch(str(schema.get("$schema", "https://json-schema.org/draft/2020-12/schema"))):
        return "is written in an old $schema"
    if _parts(schema) and (_properties(schema) or "items" in schema):
        return "mixes alternatives with fields of its own"
    odd = next((name for name in _properties(schema) if not is_name(name)), None)
    return "" if odd is None else f"names a field {odd[:64]!r}, which no place can spell,"


def _lists_plain_values(schema: Schema) -> bool:
    listed = [schema["const"]] if "const" in schema else cast("list[object]", schema.get("enum", []))
    return bool(listed) and not any(isinstance(value, dict | list) for value in listed)


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


def _parts(schema: Schema) -> Sequence[object]:
    return [
        part
        for name in _COMBINED
        for part in cast("Sequence[object]", schema.get(name, ()))
        if not (name == "allOf" and isinstance(part, Mapping) and _REMARKS.issuperset(cast(Schema, part)))
    ]


def _properties(schema: Schema) -> Schema:
    found = schema.get("properties")
    return cast(Schema, found) if isinstance(found, Mapping) else {}


def _kinds(schema: Schema) -> frozenset[str]:
    """Return the types that a value can have, as far as they hold places; one that states none, by its fields."""
    kind = schema.get("type")
    if kind is not None:
        return frozenset(cast("list[str]", kind) if isinstance(kind, list) else [str(kind)])
    held = {"object"} if _properties(schema) else set[str]()
    return frozenset(held | ({"array"} if "items" in schema else set[str]()))
