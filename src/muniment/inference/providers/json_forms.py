"""The form of a JSON Schema that a grammar can hold a reply to.

The runtime's grammars know a part of JSON Schema, read some of the rest wrongly and pass over the remainder. So a
schema is first written in the part that they read rightly: one type at a time, alternatives on their own, what
`allOf` puts together put together. Words for people (`title`, `default` and the like) are left out, and so is what
narrows values further than a grammar can (`not`, `multipleOf`, `uniqueItems`, bounds of fractions, conditions, most
patterns): whoever asked checks the reply against the whole schema anyway, and asks again. Where a schema leaves open
what else may stand, the grammar takes the narrower reading: no fields but those named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

_Schema = dict[str, Any]
_MOST_PARTS = 20_000
"""Of the form: alternatives within alternatives multiply."""
_LONGEST = 500
_MOST_ITEMS = 64
"""Longer repetitions make slow grammars; whoever asked counts anyway."""
_LARGEST = 1 << 53
_FORMATS = frozenset({"date", "time", "date-time", "uuid"})
_CLASS = r"\[(?:0-9|A-Z|a-z|A-F|a-f|1-9|[0-9A-Za-z_ .:/+@])+-?\]"
_PATTERN = re.compile(
    rf"\^(?:[0-9A-Za-z_ :/@-]|{_CLASS}|\((?:\?:)?|\)|[*+?|]|\{{[0-9]{{1,2}}(?:,[0-9]{{0,2}})?\}}){{1,200}}\$"
)
"""A pattern that the grammars read rightly, and whose values need no escape in JSON."""
_OPEN = ("string", "number", "boolean", "null")
"""What a value may be of which the schema says nothing."""
_IMPLIED = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties",
               "maxProperties", "propertyNames", "dependencies", "dependentRequired", "dependentSchemas"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "additionalItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


class Inexpressible(Exception):
    """No grammar can be made of the schema: the text says why, in words of the schema alone."""


def grammar_form(schema: object) -> Mapping[str, object]:
    """Return the form of a schema without references; raises Inexpressible."""
    try:
        return _Forming().form(schema)
    except RecursionError as error:
        raise Inexpressible("it is nested too deep") from error


class _Forming:
    """One schema on its way to its form."""

    def __init__(self) -> None:
        self._parts = 0

    def form(self, schema: object) -> _Schema:
        """Return the form; raises Inexpressible, also for a schema that nothing keeps to."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise Inexpressible("its alternatives multiply to too many")
        if schema is True:
            return self._either(_OPEN, {})
        if schema is False:
            raise Inexpressible("nothing keeps to it")
        if not isinstance(schema, Mapping):
            raise Inexpressible("a schema in it is no object")
        plain = _put_together(dict(cast("Mapping[str, Any]", schema)))
        if plain is None:
            raise Inexpressible("nothing keeps to it")
        for word in ("anyOf", "oneOf"):
            if word in plain:
                return self._alternatives(word, plain)
        if "const" in plain or "enum" in plain:
            return _listed(plain)
        return self._either(_types(plain), plain)

    def _alternatives(self, word: str, plain: _Schema) -> _Schema:
        given = plain.pop(word)
        if not isinstance(given, list):
            raise Inexpressible(f"{word} in it is no list")
        forms: list[_Schema] = []
        for one in cast("list[Any]", given):
            try:
                forms.append(self.form({"allOf": [one, plain]}))
            except Inexpressible:
                if self._parts > _MOST_PARTS:
                    raise
        return _any_of(forms)

    def _either(self, types: Sequence[str], plain: _Schema) -> _Schema:
        made = {"object": self._object, "array": self._array}
        return _any_of([made[one](plain) if one in made else _single(one, plain) for one in types])

    def _object(self, plain: _Schema) -> _Schema:
        named = cast("Mapping[str, Any]", plain.get("properties") or {})
        others = _unnamed(plain)
        required = [name for name in plain.get("required") or () if isinstance(name, str)]
        fields: _Schema = {}
        for name, one in {**named, **{name: others for name in required if name not in named}}.items():
            try:
                fields[name] = self.form(one)
            except Inexpressible as why:
                if name in required or self._parts > _MOST_PARTS:
                    raise Inexpressible(f"of the field {json.dumps(name)[:80]}: {why}") from why
        least = _whole(plain.get("minProperties")) or 0
        if fields or others is False:
            required = required or list(fields)[: min(least, 1)]
            closed: _Schema = {"type": "object", "properties": fields, "additionalProperties": False}
            return {**closed, "required": required} if required else closed
        return {"type": "object", "additionalProperties": self.form(others)}

    def _array(self, plain: _Schema) -> _Schema:
        items = plain.get("prefixItems", plain.get("items", True))
        if isinstance(items, list):
            return {"type": "array", "prefixItems": [self.form(one) for one in cast("list[Any]", items)]}
        made: _Schema = {"type": "array"}
        for name in ("minItems", "maxItems"):
            if (count := _whole(plain.get(name))) is not None and 0 <= count <= _MOST_ITEMS:
                made[name] = count
        try:
            return {**made, "items": self.form(items)}
        except Inexpressible:
            if made.get("minItems") or self._parts > _MOST_PARTS:
                raise
            return {"type": "array", "prefixItems": []}


def _unnamed(plain: _Schema) -> object:
    """Return what fields that have no name in the schema keep to."""
    others = plain.get("additionalProperties", True)
    patterns = plain.get("patternProperties")
    if isinstance(others, Mapping) or not isinstance(patterns, Mapping) or not patterns:
        return others
    return next(iter(cast("Mapping[str, Any]", patterns).values()))


def _single(kind: str, plain: _Schema) -> _Schema:
    if kind == "string":
        return {"type": kind, **_text(plain)}
    return {"type": kind, **_bounds(plain)} if kind == "integer" else {"type": kind}


def _text(plain: _Schema) -> _Schema:
    """Return what a grammar can hold a text to: one of pattern, format and length."""
    if _is_held(plain.get("pattern")):
        return {"pattern": plain["pattern"]}
    if plain.get("format") in _FORMATS:
        return {"format": plain["format"]}
    lengths = {name: _whole(plain.get(name)) for name in ("minLength", "maxLength")}
    return {name: count for name, count in lengths.items() if count is not None and 0 <= count <= _LONGEST}


def _is_held(pattern: object) -> bool:
    if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
        return False
    # Alternatives at the top would take the anchors apart.
    return "|" not in pattern or re.fullmatch(r"\^\([^()]*\)\$", pattern) is not None


def _bounds(plain: _Schema) -> _Schema:
    """Return the bounds of a whole number, whichever way they are written."""
    made: _Schema = {}
    for name, step in (("minimum", 1), ("maximum", -1)):
        exclusive = plain.get(f"exclusive{name.title()}")
        inclusive, beyond = _whole(plain.get(name)), _whole(exclusive)
        found = [] if inclusive is None else [inclusive + (step if exclusive is True else 0)]
        found += [] if beyond is None else [beyond + step]
        if found:
            made[name] = max(found) if step == 1 else min(found)
    if made.get("minimum", -_LARGEST) > made.get("maximum", _LARGEST):
        raise Inexpressible("nothing keeps to it")
    return made


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == int(value) and abs(value) < _LARGEST else None


def _types(plain: _Schema) -> Sequence[str]:
    given = plain.get("type")
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list):
        return cast("list[str]", given)
    implied = [kind for kind, words in _IMPLIED.items() if any(word in plain for word in words)]
    return implied or _OPEN


def _listed(plain: _Schema) -> _Schema:
    values = [plain["const"]] if "const" in plain else cast("list[Any]", plain["enum"])
    if "type" in plain:
        values = [value for value in values if any(_is(kind, value) for kind in _types(plain))]
    if not values:
        raise Inexpressible("nothing keeps to it")
    return {"enum": list(values)}


def _is(kind: str, value: object) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))


def _any_of(forms: Sequence[_Schema]) -> _Schema:
    if not forms:
        raise Inexpressible("nothing keeps to it")
    return forms[0] if len(forms) == 1 else {"anyOf": list(forms)}


def _put_together(schema: _Schema) -> _Schema | None:
    """Return a schema without `allOf`; None where its parts contradict each other."""
    if "$ref" in schema:
        raise Inexpressible("it has a reference")
    parts = schema.pop("allOf", [])
    if not isinstance(parts, list):
        raise Inexpressible("allOf in it is no list")
    whole: _Schema | None = schema
    for part in cast("list[Any]", parts):
        if part is True:
            continue
        inner = _put_together(dict(cast("Mapping[str, Any]", part))) if isinstance(part, Mapping) else None
        whole = None if whole is None or inner is None else _both(whole, inner)
    return whole


def _both(one: _Schema, other: _Schema) -> _Schema | None:
    """Return what keeps to both, as far as a grammar could tell them apart; None for nothing."""
    made = {**other, **one}
    for word in set(one) & set(other) & set(_JOINED):
        made[word] = _JOINED[word](one[word], other[word])
    for word in ("anyOf", "oneOf"):
        if word in one and word in other:
            # Both lists hold: the first is kept, and the second multiplied into its members.
            made[word] = [{"allOf": [each, {word: other[word]}]} for each in one[word]]
    return None if made.get("type") == [] else made


def _fields(one: _Schema, other: _Schema) -> _Schema:
    twice = set(one) & set(other)
    return {**other, **one, **{name: {"allOf": [one[name], other[name]]} for name in twice}}


def _shared(one: object, other: object) -> list[str]:
    first, second = _types({"type": one}), _types({"type": other})
    shared = [kind for kind in first if kind in second]
    if "integer" not in shared and "integer" in (*first, *second) and "number" in (*first, *second):
        shared.append("integer")
    return shared


def _inner(one: object, other: object) -> object:
    if one is False or other is False:
        return False
    return one if one == other else {"allOf": [one, other]}


_JOINED: Mapping[str, Callable[[Any, Any], Any]] = {
    "properties": _fields,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "type": _shared,
    "enum": lambda one, other: [value for value in one if value in other],
    "items": _inner,
    "additionalProperties": _inner,
    **dict.fromkeys(("minimum", "minLength", "minItems"), max),
    **dict.fromkeys(("maximum", "maxLength", "maxItems"), min),
}
"""How two values of a keyword become one."""
