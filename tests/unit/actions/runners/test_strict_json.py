"""JSON from outside is one value, said exactly, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.runners.strict_json import DEEPEST, read_value
from muniment.foundation.canonical import exact

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e9, 1e9)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_was_written_is_read_and_can_be_written_again(value: Any) -> None:
    read = read_value(json.dumps(value).encode())
    assert read == value
    exact(read)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"<html>",
        b"{} {}",
        b'{"a": 1, "a": 2}',
        b'{"in": {"a": 1, "a": 1}}',
        b"NaN",
        b'{"a": Infinity}',
        b"[-Infinity]",
        b"1e999",
        b"9007199254740992",
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"a": 1}',
        b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2),
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_whatever_two_readers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_value(raw)
