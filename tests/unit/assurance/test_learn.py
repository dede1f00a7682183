"""A way is chosen on some cases and judged on others, so that noise proves nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.assurance.tuning.learn import FOLDS, choose, folds

KEYS = [f"question {at}" for at in range(60)]


def test_a_way_that_serves_most_cases_better_is_proven() -> None:
    rng = np.random.default_rng(1)
    scores = rng.uniform(0.3, 0.6, (60, 4))
    scores[:, 2] = np.minimum(scores[:, 0] + rng.uniform(0.0, 0.3, 60), 1)
    choice = choose(scores, folds(KEYS))
    assert choice.proven and choice.way == 2 and set(choice.by_fold) == {2}
    assert 0 < choice.low < choice.gain < choice.high
    assert choice.gain == np.mean(scores[:, 2] - scores[:, 0])


def test_the_best_of_many_ways_that_differ_by_chance_is_seldom_proven() -> None:
    proven = 0
    for seed in range(100):
        scores = np.random.default_rng(seed).uniform(0, 1, (60, 20))
        proven += choose(scores, folds(KEYS)).proven
    assert proven <= 6


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_what_judges_a_case_was_chosen_without_its_fold(seed: int, cases: int, ways: int) -> None:
    rng = np.random.default_rng(seed)
    scores, fold = rng.uniform(0, 1, (cases, ways)), folds(KEYS[:cases])
    before = choose(scores, fold)
    for one in set(fold.tolist()):
        scores_there = scores.copy()
        scores_there[fold == one] = rng.uniform(0, 1, (int((fold == one).sum()), ways))
        assert (choose(scores_there, fold).held_out[fold == one] == before.held_out[fold == one]).all()


def test_equal_ways_leave_the_present_one() -> None:
    choice = choose(np.full((30, 5), 0.4), folds(KEYS[:30]))
    assert choice.way == 0 and not choice.proven and choice.gain == 0


def test_one_question_of_several_people_stays_in_one_fold() -> None:
    fold = folds(["same", "other", "same", "same"])
    assert len({fold[0], fold[2], fold[3]}) == 1
    assert set(folds(KEYS).tolist()) == set(range(FOLDS))


def test_one_question_alone_proves_nothing() -> None:
    scores = np.tile([0.0, 1.0], (30, 1))
    assert not choose(scores, folds(["same"] * 30)).proven
