"""A manifest's digest tells of all that was written in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.tools import PAY, READ, SEND, WRITE, stated, tool

from muniment.actions.manifest_file import manifest_of
from muniment.foundation.errors import BadInput

ALL = [SEND, PAY, WRITE, READ]


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a stated manifest that holds a text, a number or a truth value."""
    if isinstance(value, dict):
        return [spot for key, inner in value.items() for spot in spots(inner, (*path, key))]
    if isinstance(value, list):
        return [spot for at, inner in enumerate(value) for spot in spots(inner, (*path, at))]
    return [path]


@given(st.data())
def test_any_changed_word_is_another_digest_or_no_manifest(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(ALL))
    spot = data.draw(st.sampled_from(spots(whole)))
    changed = copy.deepcopy(whole)
    inner = changed
    for step in spot[:-1]:
        inner = inner[step]
    before = inner[spot[-1]]
    inner[spot[-1]] = data.draw(st.text(max_size=3) | st.integers(0, 3) | st.booleans())
    if inner[spot[-1]] == before and type(inner[spot[-1]]) is type(before):
        return
    try:
        found = manifest_of(changed).digest
    except BadInput:
        return
    assert found != manifest_of(whole).digest


@given(st.data())
def test_any_removed_field_is_another_digest_or_no_manifest(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(ALL))
    name = data.draw(st.sampled_from(sorted(whole)))
    try:
        found = manifest_of(stated(whole, **{name: None})).digest
    except BadInput:
        return
    assert found != manifest_of(whole).digest


def test_texts_that_only_look_the_same_have_different_digests() -> None:
    composed, apart = tool(READ, says="Caf\u00e9."), tool(READ, says="Cafe\u0301.")
    assert composed.digest != apart.digest


def test_the_order_in_which_fields_are_written_does_not_matter() -> None:
    assert manifest_of(dict(reversed(SEND.items()))).digest == manifest_of(SEND).digest


def test_whoever_stated_a_manifest_cannot_change_it_afterwards() -> None:
    given_ = copy.deepcopy(WRITE)
    made = manifest_of(given_)
    given_["says"] = "Deletes everything."
    given_["undo"]["arguments"]["title"] = "another"
    given_["arguments"]["properties"]["title"]["type"] = "integer"
    given_["allowed_groups"].append("group:outsiders")
    assert made.digest == manifest_of(WRITE).digest
    assert made == manifest_of(WRITE)


@pytest.mark.parametrize("number", [1e15, 1e16, 1e20, 1e300, 0.1, -1e18, 2**53 - 1])
def test_a_schema_with_large_numbers_has_a_digest(number: float) -> None:
    result = {"type": "object", "properties": {"n": {"maximum": number}}}
    assert tool(READ, result=result).digest != tool(READ).digest


def test_only_reading_does_not_act() -> None:
    assert [tool(one).acts for one in ALL] == [True, True, True, False]
