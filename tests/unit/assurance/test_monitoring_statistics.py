"""The figures of monitoring hold what they say: known values, invariants, and intervals that cover the truth."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.kappa import kappa
from muniment.assurance.monitoring.divergence import (
    PERMUTATIONS,
    jensen_shannon,
    kernel_distance,
    mean_difference,
    quantile_difference,
)
from muniment.assurance.monitoring.feedback_bias import feedback_figures
from muniment.assurance.monitoring.kappa_estimate import kappa_estimate
from muniment.assurance.monitoring.population import Given
from muniment.assurance.monitoring.shares import differ, share, wilson
from muniment.assurance.monitoring.strata import LEAST, allocation, drawn, sizes_that_fit
from muniment.assurance.monitoring.stratified import stratified_share

SIZES = st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 400), min_size=1, max_size=12)


def test_wilson_gives_the_published_interval() -> None:
    low, high = wilson(0.81, 100)
    assert (round(low, 4), round(high, 4)) == (0.7222, 0.8749)
    none = share(0, 10)
    assert none.low == 0.0 and none.high is not None and 0.27 < none.high < 0.28
    assert share(0, 0).value is None


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share(n: int, data: st.DataObject) -> None:
    found = share(data.draw(st.integers(0, n)), n)
    assert found.low is not None and found.value is not None and found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_fishers_test_gives_the_published_value() -> None:
    assert differ(1, 12, 9, 12) == pytest.approx(0.002759, abs=1e-6)
    assert differ(3, 3, 3, 3) == 1.0 and differ(0, 0, 3, 4) == 1.0


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_which_share_comes_first_changes_no_p_value(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    assert differ(a, n, b, m) == pytest.approx(differ(b, m, a, n))
    assert 0 <= differ(a, n, b, m) <= 1


def test_many_cases_are_tested_as_the_exact_test_would() -> None:
    assert differ(2_300, 10_000, 2_450, 10_000) == pytest.approx(0.0125, abs=0.001)


def test_kappa_gives_the_published_value() -> None:
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    found = kappa_estimate(pairs, seed=1)
    assert found.low is not None and found.high is not None and found.low < 0.4 < found.high
    assert found == kappa_estimate(pairs, seed=1)


def test_kappa_tells_nothing_where_all_say_the_same() -> None:
    assert kappa([("y", "y")] * 9) is None and kappa([]) is None
    assert kappa_estimate([("y", "y")] * 9, 1).low is None


@given(SIZES, st.integers(1, 600))
def test_a_sample_is_spread_in_proportion_with_the_least_of_each(sizes: dict[str, int], size: int) -> None:
    least = sum(min(LEAST, count) for count in sizes.values())
    if min(size, sum(sizes.values())) < least:
        with pytest.raises(ValueError, match="too small"):
            allocation(sizes, size)
        return
    found = allocation(sizes, size)
    assert sum(found.values()) == min(size, sum(sizes.values()))
    assert all(min(LEAST, sizes[name]) <= count <= sizes[name] for name, count in found.items())


def test_strata_are_merged_until_a_sample_can_hold_the_least_of_each() -> None:
    keys = [("answered", "given", "docs"), ("answered", "given", "mail"), ("answered", "none", "docs")] * 2
    keys += [("abstained", "none", "docs")] * 2
    assert sizes_that_fit(keys, 8) == 3
    assert sizes_that_fit(keys, 6) == 2
    assert sizes_that_fit(keys, 4) == 1
    assert sizes_that_fit(keys, 3) is None and sizes_that_fit([], 3) is None


def test_the_same_seed_draws_the_same() -> None:
    members = {"a": [f"a{n}" for n in range(40)], "b": ["b1", "b2", "b3"]}
    first = drawn(members, 10, 7)
    assert first == drawn({name: ids[::-1] for name, ids in members.items()}, 10, 7)
    assert first != drawn(members, 10, 8)
    assert all(set(ids) <= set(members[name]) for name, ids in first.items())


def test_an_estimate_over_strata_covers_the_truth_as_often_as_it_says() -> None:
    source = random.Random(5)
    sizes, rates = {"a": 900, "b": 80, "c": 20}, {"a": 0.9, "b": 0.5, "c": 0.1}
    world = {name: [float(source.random() < rates[name]) for _ in range(n)] for name, n in sizes.items()}
    truth = sum(sum(values) for values in world.values()) / 1000
    covered, runs = 0, 400
    for _ in range(runs):
        counts = allocation(sizes, 50)
        seen = {name: source.sample(world[name], counts[name]) for name in sizes}
        found = stratified_share(sizes, seen).share
        assert found.low is not None and found.high is not None
        covered += found.low <= truth <= found.high
    assert covered / runs > 0.93


def test_what_was_seen_whole_is_certain_and_what_was_not_seen_is_not_spoken_for() -> None:
    whole = stratified_share({"a": 2, "b": 2}, {"a": [1, 0], "b": [1, 1]})
    assert (whole.share.low, whole.share.value, whole.share.high) == (0.75, 0.75, 0.75)
    half = stratified_share({"a": 50, "b": 50}, {"a": [1, 1]})
    assert half.covered == 0.5 and half.share.low is not None and half.share.low < 0.5
    assert stratified_share({"a": 5}, {}).share.value is None


@given(SIZES, st.data())
@settings(max_examples=50)
def test_an_estimate_over_strata_lies_in_its_interval(sizes: dict[str, int], data: st.DataObject) -> None:
    values = st.sampled_from([0.0, 0.5, 1.0])
    seen = {n: data.draw(st.lists(values, max_size=min(size, 5))) for n, size in sizes.items()}
    found = stratified_share(sizes, seen)
    if found.share.value is not None:
        assert found.share.low is not None and found.share.high is not None
        assert 0 <= found.share.low <= found.share.value <= found.share.high <= 1
        assert 0 < found.covered <= 1


def test_words_of_one_kind_are_not_told_apart_and_others_are() -> None:
    source = random.Random(3)

    def texts(words: str, n: int) -> list[list[str]]:
        return [source.choices(words.split(), k=6) for _ in range(n)]

    alike = jensen_shannon(texts("leave pay rota shift", 40), texts("leave pay rota shift", 40), 1)
    apart = jensen_shannon(texts("leave pay rota shift", 40), texts("leave laptop vpn login", 40), 1)
    assert alike.p > 0.05 and alike.value < apart.value
    assert apart.p == pytest.approx(1 / (PERMUTATIONS + 1))
    disjoint = jensen_shannon([["a"]] * 9, [["b"]] * 9, 1)
    assert disjoint.value == pytest.approx(1.0)


def test_vectors_of_one_kind_are_not_told_apart_and_others_are() -> None:
    source = np.random.default_rng(3)
    a, b, c = (source.normal(middle, 1, (40, 8)) for middle in (0, 0, 0.8))
    assert kernel_distance(a, b, 1).p > 0.05
    assert kernel_distance(a, c, 1).p < 0.01


def test_means_and_quantiles_that_moved_are_found() -> None:
    source = random.Random(4)
    before, after = ([source.gauss(middle, 1) for _ in range(60)] for middle in (0, 1))
    found = mean_difference(before, after, 1)
    assert found.value > 0.5 and found.p < 0.01
    assert quantile_difference(before, after, 0.5, 1) < 0.01
    assert quantile_difference(before, before, 0.95, 1) == 1.0


def test_permutation_tests_raise_few_false_alarms() -> None:
    source = random.Random(6)
    alarms = 0
    for run in range(60):
        values = [source.random() for _ in range(30)]
        alarms += mean_difference(values[:15], values[15:], run).p < 0.05
    assert alarms <= 9


def _asked(source: random.Random, number: int) -> tuple[Given, bool]:
    """Return an answer whose asker speaks up mostly where it is bad and of one source, and whether it is right."""
    of = source.choice(["docs", "docs", "docs", "mail"])
    right = source.random() < (0.9 if of == "docs" else 0.5)
    speaks = source.random() < (0.1 if of == "docs" else 0.6)
    useful = (source.random() < (0.9 if right else 0.2)) if speaks else None
    return Given(str(number), "answered", "v", "p", of, 1.0, 1, 0, 1.0, useful), right


def test_feedback_is_mended_for_who_gives_it_and_for_what_useful_means() -> None:
    source = random.Random(8)
    world = [_asked(source, number) for number in range(4_000)]
    truth = sum(right for _, right in world) / len(world)
    spoken = [(one, right) for one, right in world if one.useful is not None]
    anchors = {one.id: float(right) for one, right in source.sample(spoken, 200)}
    found = feedback_figures([one for one, _ in world], anchors, seed=1)
    naive, reweighted, anchored = found.naive.value, found.reweighted.value, found.anchored.value
    assert naive is not None and reweighted is not None and anchored is not None
    assert abs(reweighted - truth) < abs(naive - truth) and abs(anchored - truth) < abs(naive - truth)
    assert found.anchored.low is not None and found.anchored.high is not None
    assert found.anchored.low <= truth <= found.anchored.high
    assert found.covered == 1.0 and sum(found.anchors) == 200


def test_feedback_is_not_turned_into_quality_by_a_handful_of_reviews() -> None:
    source = random.Random(9)
    answers = [_asked(source, number)[0] for number in range(200)]
    spoken = [one.id for one in answers if one.useful is not None]
    assert feedback_figures(answers, dict.fromkeys(spoken[:5], 1.0), 1).anchored.value is None
    nothing = feedback_figures([], {}, 1)
    assert nothing.naive.value is None and nothing.covered == 0.0
