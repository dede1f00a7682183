"""Lengths of time are read as written, and nothing else is guessed at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.duration import parsed, spelled
from muniment.foundation.errors import BadInput


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", timedelta()),
        ("0d", timedelta()),
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(days=1)),
        ("90d", timedelta(days=90)),
        ("4w", timedelta(days=28)),
    ],
)
def test_a_number_and_a_unit_are_a_length_of_time(text: str, span: timedelta) -> None:
    assert parsed(text) == span


@pytest.mark.parametrize(
    "text", ["", "90", "d", "-1d", "1.5h", "1 d", "1D", "1y", "1d\n", "٣d", "9999999d", "1d2h"]
)
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadInput, match="24h"):
        parsed(text)


@given(st.integers(0, 999_999))
def test_what_is_spelled_is_read_as_the_same_time(seconds: int) -> None:
    assert parsed(spelled(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
