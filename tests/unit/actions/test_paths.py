"""Places in values: one spelling each, and no name of a field can pass for another place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.paths import at, beneath, is_name, is_pattern, leaves, under

NAMES = st.text(min_size=1, max_size=4, alphabet='ab$-1.[]" é')
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(VALUES)
def test_every_leaf_whose_place_a_pattern_spells_is_found_there(value: object) -> None:
    for place, leaf in leaves(value):
        if is_pattern(place):
            assert any(found is leaf or found == leaf for found in at(value, place))


@given(st.lists(NAMES, min_size=1, max_size=3), st.lists(NAMES, min_size=1, max_size=3))
def test_two_ways_down_lead_to_one_place_only_if_they_are_the_same(one: list[str], other: list[str]) -> None:
    def place(names: list[str]) -> str:
        spelled = ""
        for name in names:
            spelled = under(spelled, name)
        return spelled

    assert (place(one) == place(other)) == (one == other)


@pytest.mark.parametrize("name", ["a.b", "lines[]", "[]", "", "a b", "1a", "a[0]", '"a"', "a\n", "é.a"])
def test_the_place_of_an_odd_name_is_no_pattern(name: str) -> None:
    assert not is_name(name)
    assert not is_pattern(under("", name))
    assert not is_pattern(under("customer", name))


@pytest.mark.parametrize(
    "pattern", ["", "a", "a.b", "a[]", "[]", "[].a", "a[].b", "a[][]", "a-b.$c", "_a", "naïve"]
)
def test_patterns_are_names_with_dots_and_brackets_behind_lists(pattern: str) -> None:
    assert is_pattern(pattern)


@pytest.mark.parametrize("text", [".a", "a.", "a..b", "a.[]", "a[0]", "a b", "a[]b", "a\n", "[", "*"])
def test_anything_else_is_no_pattern(text: str) -> None:
    assert not is_pattern(text)


def test_a_place_is_found_in_every_row() -> None:
    value = {"lines": [{"price": 1}, {}, {"price": 2}], "customer": {"email": "a"}}
    assert list(at(value, "lines[].price")) == [1, 2]
    assert list(at(value, "customer.email")) == ["a"]
    assert list(at([[1], [2, 3]], "[][]")) == [1, 2, 3]


@pytest.mark.parametrize("path", ["a[]", "a.b", "b", "[]", "a[].c"])
def test_nothing_is_found_where_a_value_is_of_another_kind(path: str) -> None:
    assert list(at({"a": "text"}, path)) == []


def test_what_a_pattern_spells_is_seen_from_a_place() -> None:
    assert beneath("lines[]", "customer.email") == "lines[].customer.email"
    assert beneath("", "a") == "a"
    assert beneath("a", "") == "a"
    assert beneath("a", "[].b") == "a[].b"
