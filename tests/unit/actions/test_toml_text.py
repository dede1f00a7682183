"""What is written as TOML reads back as the same, whatever the words are."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.toml_text import table

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(WORDS, st.dictionaries(WORDS, VALUES, max_size=5))
def test_a_table_reads_back_as_it_was(name: str, fields: dict[str, Any]) -> None:
    assert tomllib.loads(table(name, fields)) == {name: fields}


def test_what_toml_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError):
        table("a", {"b": [None]})
