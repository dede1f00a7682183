"""An endpoint that fails is left alone, and found again when it has recovered."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from muniment.foundation.clock import FixedClock
from muniment.inference.breaker import Breaker, Pass, Resting

MOST, REST = 3, 30.0


def let_through(breaker: Breaker) -> Pass | None:
    try:
        return breaker.admit()
    except Resting:
        return None


def broken(clock: FixedClock) -> Breaker:
    breaker = Breaker(clock, MOST, REST)
    for _ in range(MOST):
        breaker.failed(breaker.admit())
    return breaker


def test_only_failures_in_a_row_count() -> None:
    breaker = Breaker(FixedClock(), MOST, REST)
    for _ in range(10):
        breaker.failed(breaker.admit())
        breaker.failed(breaker.admit())
        breaker.succeeded(breaker.admit())
    assert not breaker.is_open


def test_after_the_rest_one_request_tries_it_and_its_success_lets_all_through() -> None:
    clock = FixedClock()
    breaker = broken(clock)
    clock.advance(seconds=REST - 1)
    assert let_through(breaker) is None
    clock.advance(seconds=1)
    trial = breaker.admit()
    assert trial.is_trial and let_through(breaker) is None
    breaker.succeeded(trial)
    assert not breaker.is_open and let_through(breaker) == Pass(False)


def test_a_trial_that_fails_begins_the_rest_anew() -> None:
    clock = FixedClock()
    breaker = broken(clock)
    clock.advance(seconds=REST)
    breaker.failed(breaker.admit())
    clock.advance(seconds=REST - 1)
    with pytest.raises(Resting):
        breaker.admit()


def test_a_trial_that_was_left_makes_room_for_another_at_once() -> None:
    clock = FixedClock()
    breaker = broken(clock)
    clock.advance(seconds=REST)
    breaker.left(breaker.admit())
    assert breaker.admit().is_trial


@profile(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.just(0)),
            st.tuples(st.sampled_from(["succeed", "fail", "leave"]), st.integers(0, 3)),
            st.tuples(st.just("wait"), st.integers(1, 40)),
        ),
        max_size=60,
    )
)
def test_whatever_happens_it_rests_after_failures_in_a_row_and_is_tried_by_one_at_a_time(
    events: list[tuple[str, int]],
) -> None:
    clock = FixedClock()
    breaker = Breaker(clock, MOST, REST)
    flying: list[Pass] = []
    opened: float | None = None
    for event, value in events:
        if event == "wait":
            clock.advance(seconds=value)
        elif event == "ask":
            let = let_through(breaker)
            rested = opened is not None and clock.seconds() - opened >= REST
            on_trial = any(one.is_trial for one in flying)
            may = opened is None or (rested and not on_trial)
            assert (let is not None) == may
            if let is not None:
                assert let.is_trial == (opened is not None)
                flying.append(let)
        elif flying:
            let = flying.pop(value % len(flying))
            before = breaker.is_open
            report = {"succeed": breaker.succeeded, "fail": breaker.failed, "leave": breaker.left}[event]
            report(let)
            if event == "succeed":
                opened = None
            elif event == "fail" and breaker.is_open and (let.is_trial or not before):
                opened = clock.seconds()
        assert breaker.is_open == (opened is not None)
