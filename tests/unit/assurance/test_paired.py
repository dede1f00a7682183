"""Two runs are told apart by the cases that changed, and only as surely as these allow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.evaluation.statistics.interval import SHARE
from muniment.assurance.evaluation.statistics.many import holm
from muniment.assurance.evaluation.statistics.paired import EXACT, Paired, flips, paired


def compare(before: list[float], after: list[float]) -> Paired:
    """Compare one metric."""
    found = paired(np.array(before)[:, None], np.array(after)[:, None], None, (SHARE,))[0]
    assert found is not None
    return found


def of(falls: int, rises: int, same: int) -> Paired:
    """Compare cases of which some fell, some rose and some stayed."""
    return compare([1.0] * falls + [0.0] * rises + [1.0] * same, [0.0] * falls + [1.0] * (rises + same))


@pytest.mark.parametrize(
    ("falls", "rises", "p"), [(4, 0, 2 / 16), (6, 0, 2 / 64), (5, 1, 14 / 64), (3, 3, 1.0)]
)
def test_few_changes_are_counted_out_exactly(falls: int, rises: int, p: float) -> None:
    found = of(falls, rises, 100 - falls - rises)
    assert found.p == pytest.approx(p) and found.changed == falls + rises and found.n == 100
    assert found.difference == pytest.approx((rises - falls) / 100)
    assert found.low < found.difference < found.high


@given(st.lists(st.floats(-1, 1).filter(lambda one: abs(one) > 1e-6), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_the_exact_p_is_the_share_of_all_choices_of_signs(changes: list[float]) -> None:
    differences = np.array(changes)
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((1, -1), repeat=len(changes))]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9 * np.abs(differences).sum())
    assert flips(differences[:, None], np.ones(len(changes))).either()[0] == pytest.approx(expected)


@given(st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=40), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_cases_that_did_not_change_are_no_evidence(changes: list[float], same: int) -> None:
    some = flips(np.array(changes)[:, None], np.ones(len(changes))).either()
    padded = np.array(changes + [0.0] * same)[:, None]
    assert flips(padded, np.ones(len(padded))).either() == pytest.approx(some)


def test_many_changes_agree_with_the_binomial_test() -> None:
    found = of(40, 20, 100)
    assert found.changed > EXACT
    tail = sum(math.comb(60, few) for few in range(21)) / 2**60
    assert found.p == pytest.approx(2 * tail, abs=0.004)
    assert of(80, 0, 20).p == pytest.approx(1 / 10_001)


def test_two_runs_alike_are_no_proof_that_nothing_changed() -> None:
    found = of(0, 0, 100)
    assert found.p == 1 and found.difference == 0 and found.low < -0.01 and found.high > 0.01


def test_chance_alone_seldom_looks_significant() -> None:
    chance = np.random.default_rng(6)
    differences = chance.choice([-1.0, 0.0, 0.0, 0.0, 1.0], (80, 400))
    assert (flips(differences, np.ones(80)).either() < 0.05).mean() <= 0.06


def test_looking_at_many_metrics_at_once_is_paid_for_by_those_that_move_apart() -> None:
    alone = np.zeros((100, 1))
    alone[:5] = -1
    ones = np.ones(100)
    assert flips(alone, ones).joint_falls() == pytest.approx([1 / 32])
    together = flips(np.repeat(alone, 8, axis=1), ones).joint_falls()
    assert together == pytest.approx([1 / 32] * 8)
    noise = np.random.default_rng(7).choice([-1.0, 1.0], (100, 8))
    assert flips(np.column_stack([alone, noise]), ones).joint_falls()[0] > 0.1


def test_the_joint_test_blames_chance_no_more_often_than_it_says() -> None:
    chance = np.random.default_rng(8)
    blamed = 0
    for _ in range(60):
        cases = chance.choice([-1.0, 0.0, 0.0, 1.0], (60, 1)) * (chance.random((60, 6)) < 0.7)
        blamed += bool(flips(cases, np.ones(60)).joint_falls().min() < 0.05)
    assert blamed <= 7


def test_holm_corrects_for_all() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.6, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lowers_no_p(chances: list[float]) -> None:
    corrected = holm(chances)
    assert all(one <= other <= 1 for one, other in zip(chances, corrected, strict=True))
    ranked = sorted(range(len(chances)), key=lambda at: chances[at])
    assert [corrected[at] for at in ranked] == sorted(corrected)
    assert min(corrected) <= min(1.0, len(chances) * min(chances)) + 1e-12
