"""Scores of two kinds become comparable."""

from __future__ import annotations

import numpy as np

from muniment.knowledge.retrieval.fuse import stretched


def test_scores_are_stretched_between_the_lowest_and_the_highest() -> None:
    assert stretched(np.array([2.0, 4.0, 3.0])).tolist() == [0.0, 1.0, 0.5]


def test_equal_scores_say_nothing() -> None:
    assert stretched(np.array([7.0, 7.0])).tolist() == [0.0, 0.0]
    assert stretched(np.array([])).tolist() == []
