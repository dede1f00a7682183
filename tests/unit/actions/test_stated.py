"""What people state is read as it is, or refused with the place and the fix."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.stated import Stated
from muniment.foundation.errors import BadInput

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)
READERS: list[Callable[[Stated], object]] = [
    lambda table: table.table("x"),
    lambda table: table.text("x"),
    lambda table: table.texts("x"),
    lambda table: table.one_of("x", ("a", "b")),
    lambda table: table.number("x", 1.0, 9.0),
    lambda table: table.count("x"),
    lambda table: table.money("x"),
    lambda table: table.digest("x"),
]


@pytest.mark.parametrize("read", READERS)
@given(value=ANYTHING)
def test_whatever_stands_there_is_read_or_refused_by_its_name(
    read: Callable[[Stated], object], value: object
) -> None:
    said, fix = "limits.x ", "Mend it."
    try:
        read(Stated("limits.", {"x": value}))
    except BadInput as error:
        said, fix = error.public, error.fix
    assert said.startswith("limits.x ") and fix


@pytest.mark.parametrize("value", [True, 0, -1, 10.5, float("nan"), float("inf"), "5"])
def test_a_number_out_of_bounds_or_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match=r"seconds is out of bounds.*up to 10"):
        Stated("", {"seconds": value}).number("seconds", 1.0, 10.0)


@pytest.mark.parametrize("value", [True, 0, -1, 1.0, "1"])
def test_a_count_is_a_whole_number_from_one(value: object) -> None:
    with pytest.raises(BadInput, match="is no count"):
        Stated("", {"n": value}).count("n")


@pytest.mark.parametrize("value", [5, 5.0, True, "NaN", "Infinity", "-1", "0", "", "five", ["5"]])
def test_an_amount_is_a_text_above_zero(value: object) -> None:
    with pytest.raises(BadInput, match="is no amount"):
        Stated("", {"most": value}).money("most")


def test_what_is_stated_well_is_read() -> None:
    table = Stated("", {"most": "250.00", "n": 3, "words": ["a"], "inner": {"x": "y"}})
    assert table.money("most") == Decimal("250.00")
    assert table.count("n") == 3
    assert table.texts("words") == ["a"]
    assert table.table("inner").text("x") == "y"
    assert table.count("missing") is None and table.money("missing") is None


def test_an_unknown_field_is_named_with_its_place() -> None:
    with pytest.raises(BadInput, match=r"limits\.per_hour is unknown\. Use per_day"):
        Stated("limits.", {"per_hour": 1}).only(frozenset({"per_day"}))
