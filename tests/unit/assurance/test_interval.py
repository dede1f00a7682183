"""A mean comes with an interval that holds the truth as often as it says, and small suites do not overclaim."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.intervals import DISTRIBUTIONS, coverage
from muniment.assurance.evaluation.statistics.interval import SHARE, estimate, estimates

FRACTION = st.floats(0, 1, allow_subnormal=False)
SCORES = st.lists(FRACTION | st.sampled_from([0.0, 1.0]), min_size=1, max_size=30)


@pytest.mark.parametrize("name", ["shares .5 to .98", "beta(18, 2)", "zero-inflated", "log-normal .5"])
def test_the_interval_holds_the_truth_about_95_times_in_100(name: str) -> None:
    assert 0.92 <= coverage(DISTRIBUTIONS[name], 40, 500, weighted=name == "zero-inflated", seed=5) <= 0.98


@given(SCORES, st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_the_mean_lies_in_its_interval_and_both_on_the_scale(scores: list[float], seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0.1, 5, len(scores))
    found = estimate(scores, weights)
    assert 0 <= found.low <= found.mean <= found.high <= 1 and found.n == len(scores)
    assert found.mean == pytest.approx(np.average(scores, weights=weights))


@given(SCORES)
@settings(max_examples=25, deadline=None)
def test_a_share_is_never_certain(scores: list[float]) -> None:
    found = estimate(scores)
    assert found.high - found.low > 0.5 / len(scores) ** 1.5


@pytest.mark.parametrize("n", [20, 50, 200])
def test_cases_that_are_all_right_may_hide_about_three_failures(n: int) -> None:
    found = estimate([1.0] * n)
    assert found.high == found.mean == 1.0
    assert 1 - 4.5 / n < found.low < 1 - 2 / n


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (19, 20, 0.7794, 0.9926),
        (45, 50, 0.7917, 0.9591),
        (60, 100, 0.5021, 0.6916),
        (490, 500, 0.9644, 0.9894),
    ],
)
def test_of_a_share_it_is_as_wide_as_a_binomial_interval(right: int, n: int, low: float, high: float) -> None:
    """The figures are quantiles of Beta(right + 2/3, wrong + 2/3)."""
    found = estimate([1.0] * right + [0.0] * (n - right))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_more_cases_narrow_it() -> None:
    chance = np.random.default_rng(3)
    widths = [
        found.high - found.low
        for n in (20, 80, 320)
        for found in [estimate(chance.beta(4, 2, n), ends=SHARE)]
    ]
    assert widths == sorted(widths, reverse=True) and widths[0] / widths[2] == pytest.approx(4, rel=0.35)


def test_a_weight_of_two_is_not_two_cases() -> None:
    scores = np.random.default_rng(2).beta(4, 2, 30)
    once, doubled = estimate(scores), estimate(scores, np.full(30, 2.0))
    assert (once.low, once.high) == pytest.approx((doubled.low, doubled.high))
    uneven = estimate([1.0] * 15 + [0.0] * 15, np.array([9.0, 1, 1, 1, 1] * 6))
    even = estimate([1.0] * 15 + [0.0] * 15)
    assert uneven.high - uneven.low > 1.2 * (even.high - even.low)


def test_one_time_alone_says_little() -> None:
    found = estimate([200.0], ends=None)
    assert found.too_few and found.low < 100 and found.high > 300
    assert estimate([0.0] * 9, ends=None).high == 0


def test_metrics_have_their_own_cases_and_do_not_touch_each_other() -> None:
    chance = np.random.default_rng(4)
    table = np.column_stack([chance.random(40) < 0.8, chance.lognormal(5, 0.5, 40), np.full(40, np.nan)])
    table[::2, 0] = np.nan
    first, second, none = estimates(table, None, (SHARE, None, SHARE))
    assert none is None and first and second and (first.n, second.n) == (20, 40)
    assert first == estimate(table[1::2, 0]) and second == estimate(table[:, 1], ends=None)


def test_the_same_scores_give_the_same_interval_and_many_are_quick() -> None:
    table = np.random.default_rng(5).random((500, 30))
    table[:, :15] = table[:, :15] < 0.9
    started = time.perf_counter()
    found = estimates(table, None, [SHARE] * 30)
    assert time.perf_counter() - started < 3
    assert found == estimates(table, None, [SHARE] * 30)
