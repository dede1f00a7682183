"""What counts as the time at which somebody proved who they are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.governance.identity.auth_time import auth_time, require_since

NOW = st.floats(min_value=1e9, max_value=3e9)
LEEWAY = st.integers(min_value=0, max_value=120)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(JSON | st.integers(0, 4 * 10**9), NOW, LEEWAY)
def test_only_a_whole_number_that_is_not_ahead_counts_and_never_as_later_than_now(
    stated: object, now: float, leeway: int
) -> None:
    good = type(stated) is int and 0 <= stated <= now + leeway
    try:
        found = auth_time({"auth_time": stated}, now, leeway)
    except ValueError:
        assert not good
    else:
        assert good and found <= now and found == min(int(str(stated)), math.floor(now))


@pytest.mark.parametrize("claims", [{}, {"Auth_time": 1}, {"auth_time": None}], ids=str)
def test_a_token_without_the_time_states_none(claims: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        auth_time(claims, 1e9, 30)


@given(st.integers(0, 4 * 10**9), NOW, LEEWAY)
def test_a_sign_in_is_anew_from_its_first_second_less_the_leeway(
    stated: int, began: float, leeway: int
) -> None:
    if stated + leeway >= int(began):
        require_since(stated, began, leeway)
    else:
        with pytest.raises(ValueError, match="before this sign-in"):
            require_since(stated, began, leeway)
