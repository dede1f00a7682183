"""A schema from outside as a manifest can state it: closed where it names fields, without what only decorates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from muniment.actions.runners.outside_words import shown

Schema = dict[str, object]
_DECORATION = frozenset(
    {"title", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "xml", "externalDocs"}
    | {"discriminator", "$schema", "$id", "$comment", "$defs", "definitions"}
)
_NAMES = frozenset({"properties", "patternProperties"})
_NOTHING: Schema = {"type": "null"}


def closed(schema: object, words: bool = True) -> Schema:
    """Return a schema of arguments in which no object takes fields that it does not name.

    What is left open all the same, such as an object without named fields, is refused when the manifest is read.
    `words` keeps descriptions, in one line.
    """
    return _plain(schema, words, close=True)


def plain(schema: object) -> Schema:
    """Return a schema of a result without decoration, as open as it was."""
    return _plain(schema, words=False, close=False)


def given(schema: Schema) -> Schema:
    """Return a schema of something that stands in an address, where there is no null."""
    kinds = schema.get("anyOf")
    if isinstance(kinds, list) and _NOTHING in kinds:
        rest = [one for one in cast("list[Schema]", kinds) if one != _NOTHING]
        beside = {key: one for key, one in schema.items() if key != "anyOf"}
        return {**rest[0], **beside} if len(rest) == 1 else {**beside, "anyOf": rest}
    return schema


def _plain(schema: object, words: bool, close: bool) -> Schema:
    if not isinstance(schema, Mapping):
        return {}
    found: Schema = {}
    for key, value in cast("Mapping[str, object]", schema).items():
        if key in _DECORATION or key.startswith("x-") or key == "nullable":
            continue
        if key == "description":
            if words and (said := shown(value)):
                found[key] = said
        elif key in _NAMES and isinstance(value, Mapping):
            inside = cast("Mapping[str, object]", value)
            found[key] = {name: _plain(one, words, close) for name, one in inside.items()}
        elif isinstance(value, Mapping):
            found[key] = _plain(value, words, close)
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            found[key] = [_plain(one, words, close) for one in cast("list[object]", value)]
        elif key in ("enum", "const") or _sayable(value):
            found[key] = value
    return _nullable(_bounds(_merged(_shut(found, close))), schema.get("nullable") is True)


def _sayable(value: object) -> bool:
    """TOML has no null."""
    if isinstance(value, list):
        return all(map(_sayable, cast("list[object]", value)))
    return value is not None


def _shut(schema: Schema, close: bool) -> Schema:
    if close and "properties" in schema:
        return {**schema, "type": schema.get("type", "object"), "additionalProperties": False}
    return schema


def _merged(schema: Schema) -> Schema:
    """An `allOf` of one part is that part."""
    parts = schema.get("allOf")
    if not isinstance(parts, list) or len(cast("list[object]", parts)) != 1:
        return schema
    beside = {key: one for key, one in schema.items() if key != "allOf"}
    return {**cast("list[Schema]", parts)[0], **beside}


def _bounds(schema: Schema) -> Schema:
    """OpenAPI 3.0 says that a bound is exclusive by true."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool):
            schema = dict(schema)
            if schema.pop(exclusive) and bound in schema:
                schema[exclusive] = schema.pop(bound)
    return schema


def _nullable(schema: Schema, nullable: bool) -> Schema:
    """Null is said by its type, for TOML has none."""
    values = schema.get("enum")
    if isinstance(values, list) and None in values:
        nullable = True
        schema = {**schema, "enum": [one for one in cast("list[object]", values) if one is not None]}
    if schema.get("const", 0) is None:
        return dict(_NOTHING)
    return {"anyOf": [schema, dict(_NOTHING)]} if nullable else schema
