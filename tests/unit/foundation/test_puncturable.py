"""A key that forgets places."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.foundation.puncturable import PuncturableKey

PLACES = st.integers(0, 2**64 - 1)
WHOLE = PuncturableKey.of(b"s" * 32)


@settings(max_examples=60, deadline=None)
@given(st.lists(PLACES, max_size=4), PLACES)
def test_what_is_forgotten_has_no_key_and_all_else_keeps_its_own(gone: list[int], other: int) -> None:
    left = WHOLE
    for place in gone:
        left = left.without(place)
    for place in gone:
        assert left.key(place) is None
        near = place ^ 1
        assert left.key(near) == (None if near in gone else WHOLE.key(near))
    assert left.key(other) == (None if other in gone else WHOLE.key(other))
    assert PuncturableKey.from_bytes(left.to_bytes()) == left
    assert left == left.without(gone[0]) if gone else left == WHOLE


@settings(max_examples=20, deadline=None)
@given(st.permutations([1, 2, 2**63, 2**64 - 1]))
def test_nothing_tells_in_which_order_places_were_forgotten(order: list[int]) -> None:
    left = WHOLE
    for place in order:
        left = left.without(place)
    again = WHOLE
    for place in sorted(order):
        again = again.without(place)
    assert left.to_bytes() == again.to_bytes()


def test_no_seed_that_is_left_leads_to_a_forgotten_place() -> None:
    place = 0x0123_4567_89AB_CDEF
    left = WHOLE.without(place)
    on_the_way = {(depth, place >> (64 - depth)) for depth in range(65)}
    assert not on_the_way & set(left.seeds)
    assert len(left.seeds) == 64


def test_keys_of_different_places_and_seeds_differ() -> None:
    other = PuncturableKey.of(b"t" * 32)
    keys = [key.key(place) for key in (WHOLE, other) for place in (0, 1, 2**63, 2**64 - 1)]
    assert len(set(keys)) == 8


def test_a_part_of_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="whole"):
        PuncturableKey.from_bytes(WHOLE.to_bytes()[:-1])
