"""A schema of arguments is closed, or its open place is named; no value stands at an unknown place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.paths import leaves
from muniment.actions.schema_places import closed_places, places
from muniment.foundation.checked_schema import CheckedSchema

TEXT = {"type": "string"}


def closed(**fields: object) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": fields}


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Anything that could be meant for a schema, closed or not."""
    kinds = st.sampled_from(["string", "integer", "boolean", "null", "object", "array"])
    plain = st.one_of(
        st.booleans(),
        st.builds(lambda kind: {"type": kind}, kinds),
        st.just({"enum": ["x", 1]}),
        st.just({"enum": [{"a": 1}, ["b"]]}),
        st.just({"const": {"a": "b"}}),
        st.just({}),
    )

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        fields = st.dictionaries(st.sampled_from(["a", "b", "a.b", "[]"]), inner, max_size=2)
        return st.one_of(
            st.fixed_dictionaries(
                {"type": kinds | st.lists(kinds, min_size=1, max_size=2, unique=True)},
                optional={
                    "properties": fields,
                    "additionalProperties": st.just(False) | st.booleans() | inner,
                    "items": inner,
                    "patternProperties": st.just({"^x": {}}),
                    "prefixItems": st.lists(inner, min_size=1, max_size=2),
                    "required": st.just(["a"]),
                },
            ),
            st.dictionaries(
                st.sampled_from(["anyOf", "oneOf", "allOf"]),
                st.lists(inner, min_size=1, max_size=2),
                min_size=1,
                max_size=2,
            ),
            st.builds(lambda one: {"not": one}, inner),
        )

    return st.builds(closed, a=st.recursive(plain, deeper, max_leaves=6))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["x", "y"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abxc"), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


@given(schemas(), VALUES)
def test_what_a_closed_schema_admits_stands_at_its_places(schema: dict[str, Any], value: object) -> None:
    checked = CheckedSchema(schema)
    if list(closed_places(checked.resolved)) or checked.faults({"a": value}):
        return
    known = set(places(checked.resolved))
    for place, leaf in leaves({"a": value}):
        # An empty list or object and nothing at all tell nobody anything.
        assert leaf in (None, [], {}) or place in known, (schema, value)


OPEN: dict[str, object] = {
    "no type": {},
    "anything": True,
    "an open object": {"type": "object"},
    "an object open to values of a kind": {"type": "object", "additionalProperties": TEXT},
    "an object deep in a list": {"type": "array", "items": {"type": "object", "properties": {"b": TEXT}}},
    "a list without items": {"type": "array"},
    "a list of anything": {"type": "array", "items": True},
    "a list with places": {"type": "array", "prefixItems": [TEXT], "items": TEXT},
    "a list of a draft before": {"type": "array", "items": [TEXT]},
    "names by pattern": {**closed(), "patternProperties": {"^x": TEXT}},
    "one of several kinds": {"type": ["string", "object"]},
    "one alternative": {"anyOf": [TEXT, {"type": "object"}]},
    "an alternative that is anything": {"anyOf": [True, TEXT]},
    "an alternative of no type": {"oneOf": [TEXT, {"minLength": 1}]},
    "part of a whole": {"allOf": [closed(b={"type": "object"})]},
    "no evaluated fields": {"type": "object", "properties": {"b": TEXT}, "unevaluatedProperties": False},
    "what depends": {**closed(b=TEXT), "dependentSchemas": {"b": {}}},
    "what depended": {**closed(b=TEXT), "dependencies": {"b": {}}},
    "a condition": {**closed(b=TEXT), "if": {}, "then": {}},
    "what is not": {"not": TEXT},
    "what it contains": {"type": "array", "items": TEXT, "contains": TEXT},
    "listed objects": {"enum": [{"b": 1}]},
    "a constant list": {"const": ["b"]},
    "a constant to a draft that knows none": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "const": "x",
    },
    "an unknown type": {"type": "thing"},
    "alternatives beside fields": {**closed(b=TEXT), "anyOf": [TEXT]},
    "a name like a place": closed(**{"b.c": TEXT}),
    "a name like a list": closed(**{"b[]": TEXT}),
    "a field that is anything": closed(b=True),
}


@pytest.mark.parametrize("why", OPEN)
def test_an_open_place_is_found_and_named(why: str) -> None:
    found = list(closed_places(closed(a=OPEN[why])))
    assert found
    assert all(place.startswith("a") and said for place, said in found)


@pytest.mark.parametrize(
    "schema",
    [
        TEXT,
        {"type": ["string", "null"]},
        {"enum": ["x", 1, None]},
        {"const": "x"},
        {"type": "array", "items": closed(b=TEXT)},
        {"anyOf": [TEXT, closed(b=TEXT)]},
        {"allOf": [closed(b=TEXT), {"description": "Whom to tell."}]},
        closed(b=False),
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **TEXT},
        {"$schema": "http://json-schema.org/draft-07/schema#", **TEXT},
    ],
)
def test_a_closed_schema_is_taken(schema: dict[str, Any]) -> None:
    assert list(closed_places(closed(a=schema))) == []


def test_each_place_is_told_once() -> None:
    lines = {"type": "array", "items": closed(price=TEXT, tags={"type": "array", "items": TEXT})}
    schema = closed(lines=lines, to={"anyOf": [TEXT, closed(name=TEXT), closed(name=TEXT)]})
    assert list(places(schema)) == ["lines[].price", "lines[].tags[]", "to", "to.name"]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": ["string", "array"], "items": TEXT}, ["to[]", "to"]),
        (
            {"type": ["object", "string"], "additionalProperties": False, "properties": {"a": TEXT}},
            ["to.a", "to"],
        ),
        ({"type": "string", "properties": {"a": TEXT}}, ["to"]),
        ({"type": ["array", "null"], "items": TEXT}, ["to[]"]),
        ({"type": "null"}, ["to"]),
    ],
)
def test_what_may_be_a_text_or_a_list_has_both_places(schema: dict[str, Any], wanted: list[str]) -> None:
    assert list(places(closed(to=schema))) == wanted
