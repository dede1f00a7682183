"""Every field of a result carries what its manifest says of it, and is trusted no more than whoever asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.tools import READ, tool

from muniment.actions.labels import USERS, Audience, Integrity, Label, join, own
from muniment.actions.paths import leaves
from muniment.actions.reading import Reading, reading

ORDERS = tool(READ)
ANN = "user:ann"
UNTRUSTED = Label(Integrity.UNTRUSTED)
ROW = {"id": "A1", "price": 5, "note": "mallory writes"}
KEYS = st.sampled_from(
    [
        "rows",
        "id",
        "price",
        "note",
        "customer",
        "email",
        "rows[]",
        "rows[].id",
        "customer.email",
        "[]",
        "",
        "x",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
)
LABELS = st.builds(
    Label, st.sampled_from(Integrity), st.frozensets(st.sampled_from([own(ANN), own("user:bob")]), max_size=2)
)


def read(value: Any, asked: Label = USERS, **more: Any) -> Reading:
    return reading(ORDERS, ANN, value, asked, **more)


@given(VALUES, LABELS)
def test_a_result_is_trusted_no_more_than_whoever_asked_nor_as_the_callers_own_word(
    value: Any, asked: Label
) -> None:
    label = read(value, asked).label
    assert label.integrity <= min(asked.integrity, Integrity.SYSTEM)
    assert label.audiences >= asked.audiences


CANARY = "attack-canary"


@given(VALUES, st.data())
def test_a_text_in_no_labelled_field_never_reaches_a_value_that_is_trusted(
    value: Any, data: st.DataObject
) -> None:
    def planted(inner: Any) -> Any:
        if isinstance(inner, dict):
            # Only what the system itself writes is spared: the fields that the manifest says are its own.
            return {name: one if name in OWN else planted(one) for name, one in inner.items()}
        if isinstance(inner, list):
            return [planted(one) for one in inner]
        return CANARY if data.draw(st.booleans()) else inner

    value = planted(value)
    found = read(value)
    for place, leaf in leaves(value):
        # A list of plain values has one place for which rows there are and for what they are.
        if leaf == CANARY and place != "rows[]":
            assert not found.of(leaf, place).trusted
            assert not found.label.trusted


OWN = frozenset({"id", "price", "email"})


@given(VALUES, st.lists(st.sampled_from([0, "rows", "id", "customer", "rows[].id"]), max_size=3))
def test_a_part_is_trusted_at_least_as_much_as_the_whole(value: Any, path: list[Any]) -> None:
    whole = read(value)
    inner, place = value, ""
    for part in path:
        if isinstance(inner, dict) and part in inner and part in ("rows", "id", "customer"):
            inner, place = inner[part], f"{place}.{part}" if place else str(part)
        elif isinstance(inner, list) and part == 0 and inner:
            inner, place = inner[0], f"{place}[]"
        else:
            return
    assert whole.of(inner, place).integrity >= whole.label.integrity
    assert whole.of(inner, place).audiences <= whole.label.audiences


def test_each_field_carries_its_own_label() -> None:
    found = read({"rows": [ROW]})
    assert found.of("A1", "rows[].id") == Label(
        Integrity.SYSTEM, frozenset({Audience(frozenset({"group:everyone"}))})
    )
    assert found.of(5, "rows[].price") == Label(Integrity.SYSTEM, frozenset({Audience(frozenset({ANN}))}))
    assert found.of("x", "rows[].note") == Label(Integrity.UNTRUSTED, frozenset({own(ANN)}))
    assert found.of("x", "customer.email") == Label(Integrity.SYSTEM)


def test_a_whole_row_is_trusted_as_its_least_field() -> None:
    found = read({"rows": [ROW]})
    assert not found.of(ROW, "rows[]").trusted
    assert found.of({"id": "A1", "price": 5}, "rows[]").trusted


def test_a_field_that_nobody_described_is_untrusted_and_the_owners() -> None:
    assert read({"more": 1}).of(1, "more") == Label(Integrity.UNTRUSTED, frozenset({own(ANN)}))


@pytest.mark.parametrize("name", ["customer.email", "rows[].id", "rows[]", ""])
def test_a_name_that_reads_like_a_place_is_not_that_place(name: str) -> None:
    assert not read({name: CANARY}).label.trusted


def test_an_object_in_the_place_of_a_text_is_not_trusted_for_it() -> None:
    assert not read({}).of({"x": CANARY}, "customer.email").trusted
    assert not read({}).of([CANARY], "customer.email").trusted


def test_a_list_is_trusted_as_whoever_decides_its_rows() -> None:
    assert read({"rows": []}).label.trusted
    assert not read({"mails": []}).label.trusted
    assert not read({"mails": [{"id": "m1"}]}).label.trusted
    assert read({}).of("m1", "mails[].id").trusted
    assert not read({}).rows("mails").trusted
    assert not read({}).rows("nowhere").trusted


def test_an_empty_result_of_which_nothing_is_said_is_untrusted() -> None:
    assert not read({}).label.trusted
    assert not read(None).label.trusted


def test_there_being_nothing_is_the_word_of_whoever_could_put_something_there() -> None:
    found = read({})
    assert found.missing("rows[].id").trusted
    assert found.missing("customer").trusted
    assert not found.missing("rows[].note").trusted
    assert not found.missing("rows[]").trusted, "one of its fields is anybody's"
    assert not found.missing("nowhere").trusted
    assert not found.missing("cust").trusted, "a longer name is another field"


def test_who_else_has_to_be_admitted_is_in_every_field() -> None:
    board = Audience(frozenset({"group:board"}))
    found = read({"rows": [ROW]}, also=frozenset({board}))
    for place in ("rows[].id", "customer.email", "nowhere"):
        assert board in found.of("x", place).audiences
    assert board in found.rows("rows").audiences
    assert board in found.missing("rows[].id").audiences


@given(VALUES, st.lists(LABELS, max_size=2))
def test_what_more_is_known_to_whoever_asks_only_lowers(value: Any, more: list[Label]) -> None:
    less, asked = read(value), read(value, join(more))
    assert asked.label.integrity <= less.label.integrity
    assert asked.label.audiences >= less.label.audiences
