"""The form that a grammar is made of keeps to the schema, as far as a grammar can."""

from __future__ import annotations

import json
import random
from typing import Any

import jsonschema_rs
import pytest

from muniment.assistant.claims import SCHEMA
from muniment.inference.providers.json_forms import Inexpressible, grammar_form

FOR_PEOPLE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://forms.example/leave",
    "$comment": "Ours.",
    "title": "Leave",
    "description": "A request.",
    "examples": [{}],
    "default": {},
    "deprecated": True,
    "x-order": 3,
}
CLOSED = {"additionalProperties": False}
SCHEMAS: dict[str, Any] = {
    "any": {},
    "nested": {
        "type": "object",
        "required": ["who", "days"],
        "properties": {
            "who": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "days": {
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "items": {"type": "integer", "minimum": 1},
            },
        },
    },
    "a list of values": {"enum": ["a", 2, None, {"b": [1]}]},
    "a list of values of one type": {"type": "string", "enum": ["a", 2]},
    "one value": {"properties": {"kind": {"const": "leave"}}, "required": ["kind"], **CLOSED},
    "several types": {"type": ["string", "null", "integer"], "minLength": 2, "maximum": 4},
    "no type": {"properties": {"a": {"maxItems": 2, "items": {"type": "boolean"}}}},
    "alternatives beside fields": {
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "alternatives within alternatives": {
        "anyOf": [{"type": "string"}, {"oneOf": [{"type": "integer"}, {"type": "null"}]}],
    },
    "alternatives twice": {
        "allOf": [
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {"anyOf": [{"type": "null"}, {"type": "array"}]},
        ],
    },
    "put together": {
        "allOf": [
            {"properties": {"a": {"type": "number"}}, "required": ["a"]},
            {"properties": {"a": {"type": "integer", "maximum": 9}, "b": {"minLength": 1, "type": "string"}}},
            {"required": ["b"]},
        ]
    },
    "a text with a note beside it": {
        "allOf": [{"type": "string", "maxLength": 3}, {"description": "Short."}]
    },
    "a map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "a required field without a form": {"required": ["a"], "additionalProperties": {"type": "null"}},
    "an empty object": {"type": "object", **CLOSED},
    "a tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
    "a tuple as it was written": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "string"}, {"type": "integer"}],
        "additionalItems": False,
    },
    "a field that nothing keeps to": {"properties": {"a": False, "b": {"type": "null"}}},
    "nothing in a list": {"type": "array", "items": False},
    "bounds of both kinds": {"type": "integer", "minimum": 0, "exclusiveMinimum": 2, "exclusiveMaximum": 5},
    "a bound as it was written": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "integer",
        "minimum": 2,
        "exclusiveMinimum": True,
        "maximum": 4,
    },
    "a date": {"type": "string", "format": "date"},
    "a pattern": {"type": "string", "pattern": "^x+$"},
    "a pattern that only a check can tell": {"type": "string", "format": "date", "pattern": "^\\b2031"},
    "names of a pattern": {
        "type": "object",
        "patternProperties": {"^key": {"type": "null"}},
        "additionalProperties": False,
    },
    "at least one of several": {
        "properties": {"a": {"type": "null"}, "b": {"type": "null"}},
        "minProperties": 1,
    },
    "long": {"type": "string", "maxLength": 100_000},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_whatever_the_form_lets_through_is_valid(name: str) -> None:
    validator = jsonschema_rs.validator_for(SCHEMAS[name], validate_formats=True)
    form = grammar_form({**SCHEMAS[name], **FOR_PEOPLE, "$schema": SCHEMAS[name].get("$schema", "")})
    assert not set(FOR_PEOPLE) & set(form)
    chance = random.Random(name)
    for _ in range(60):
        made = _some(form, chance)
        assert validator.is_valid(made), made


@pytest.mark.parametrize(
    "narrower",
    [
        {"pattern": "^(?=a)"},
        {"pattern": "a"},
        {"pattern": "^a|b$"},
        {"pattern": "^[^/]+$"},
        {"pattern": "^.+$"},
        {"pattern": "^[ -~]+$"},
        {"pattern": r"^\d+$"},
        {"multipleOf": 3},
        {"not": {"type": "null"}},
        {"uniqueItems": True},
        {"if": {"minLength": 3}, "then": {"pattern": "x"}},
        {"format": "email"},
    ],
)
def test_what_only_a_check_can_tell_is_left_to_the_check(narrower: dict[str, object]) -> None:
    form = grammar_form({"type": ["string", "integer", "array"], **narrower})
    kinds = [one["type"] for one in form["anyOf"]]  # type: ignore[union-attr]
    assert kinds == ["string", "integer", "array"]
    assert not set(narrower) & set(json.dumps(form).split('"'))


def test_the_form_of_an_answer_stays_what_it_is() -> None:
    assert grammar_form(SCHEMA) == SCHEMA


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]}, "reference"),
        ({"items": "string", "minItems": 1}, "no object"),
        ({"anyOf": {"type": "string"}}, "anyOf"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "nothing keeps to it"),
        ({"type": "integer", "enum": ["a"]}, "nothing keeps to it"),
        ({"properties": {"a": False}, "required": ["a"]}, '"a"'),
        ({"type": "integer", "minimum": 3, "exclusiveMaximum": 3}, "nothing keeps to it"),
        ({"allOf": [{"anyOf": [{"minLength": n} for n in range(30)]} for _ in range(9)]}, "multiply"),
    ],
)
def test_what_no_grammar_can_hold_is_refused_by_name(schema: dict[str, object], said: str) -> None:
    with pytest.raises(Inexpressible, match=said):
        grammar_form(schema)


def test_a_schema_nested_without_end_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(5_000):
        deep = {"items": deep}
    with pytest.raises(Inexpressible, match="deep"):
        grammar_form(deep)


def _some(form: Any, chance: random.Random) -> Any:
    """Return one of the values that a grammar of the form lets through."""
    if "anyOf" in form:
        return _some(chance.choice(form["anyOf"]), chance)
    if "enum" in form:
        return chance.choice(form["enum"])
    return _OF[form["type"]](form, chance)


def _object(form: Any, chance: random.Random) -> Any:
    if "properties" not in form:
        return {f"key {n}": _some(form["additionalProperties"], chance) for n in range(chance.randrange(3))}
    required = form.get("required", ())
    kept = [name for name in form["properties"] if name in required or chance.random() < 0.5]
    return {name: _some(form["properties"][name], chance) for name in kept}


def _array(form: Any, chance: random.Random) -> Any:
    if "prefixItems" in form:
        return [_some(one, chance) for one in form["prefixItems"]]
    least = form.get("minItems", 0)
    return [
        _some(form["items"], chance) for _ in range(chance.randint(least, form.get("maxItems", least + 2)))
    ]


def _string(form: Any, chance: random.Random) -> str:
    if "format" in form:
        return {"date": "2031-04-05"}[form["format"]]
    least = form.get("minLength", 1 if "pattern" in form else 0)
    return "x" * chance.randint(least, form.get("maxLength", least + 9))


def _integer(form: Any, chance: random.Random) -> int:
    least = form.get("minimum", min(0, form.get("maximum", 0)))
    return chance.randint(least, form.get("maximum", least + 9))


_OF = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": lambda form, chance: chance.choice([0, -1.5, 3]),
    "boolean": lambda form, chance: chance.random() < 0.5,
    "null": lambda form, chance: None,
}
