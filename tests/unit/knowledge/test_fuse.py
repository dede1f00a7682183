"""Two orders become one."""

from __future__ import annotations

import numpy as np

from muniment.knowledge.retrieval.fuse import FusionSettings, fused, stretched


def test_scores_are_stretched_between_the_lowest_and_the_highest() -> None:
    assert stretched(np.array([2.0, 4.0, 3.0])).tolist() == [0.0, 1.0, 0.5]


def test_equal_scores_say_nothing() -> None:
    assert stretched(np.array([7.0, 7.0])).tolist() == [0.0, 0.0]
    assert stretched(np.array([])).tolist() == []


def test_each_leg_counts_as_much_as_the_settings_say() -> None:
    dense, lexical = np.array([0.9, 0.1]), np.array([0.0, 5.0])
    assert fused(dense, lexical, FusionSettings(0.75)).tolist() == [0.75, 0.25]
    assert fused(dense, lexical, FusionSettings(0.25)).tolist() == [0.25, 0.75]
    middle = fused(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 4.0]), FusionSettings(0.5))
    assert middle.tolist() == [0.0, 0.375, 1.0]


def test_a_silent_leg_leaves_the_other_in_charge() -> None:
    silent = np.zeros(3)
    assert np.argsort(-fused(np.array([0.2, 0.9, 0.5]), silent, FusionSettings())).tolist() == [1, 2, 0]
    assert np.argsort(-fused(silent, np.array([1.0, 0.0, 3.0]), FusionSettings())).tolist() == [2, 0, 1]
