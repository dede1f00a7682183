"""Identifiers that tell nothing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.ids import Ids, SeededIds, derived_id

SHAPE = re.compile(r"doc_[a-z2-7]{20}")
PARTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=4)


def test_new_identifiers_have_one_shape_and_never_meet() -> None:
    made = {Ids().new("doc") for _ in range(5000)}
    assert len(made) == 5000
    assert all(SHAPE.fullmatch(identifier) for identifier in made)


def test_secrets_hold_256_bits_and_are_safe_in_addresses() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", Ids().secret()) for _ in range(100))


def test_seeded_identifiers_repeat() -> None:
    assert [SeededIds(4).new("doc") for _ in range(2)] == [SeededIds(4).new("doc")] * 2
    assert SeededIds(4).new("doc") != SeededIds(5).new("doc")


@given(PARTS, PARTS)
def test_a_derived_identifier_is_that_of_its_parts_alone(one: list[str], other: list[str]) -> None:
    made = derived_id(b"k" * 32, "doc", *one)
    assert SHAPE.fullmatch(made)
    assert (made == derived_id(b"k" * 32, "doc", *other)) == (one == other)
    assert made != derived_id(b"x" * 32, "doc", *one)
