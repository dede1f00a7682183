"""A suite says how small a change it can show, and that is true."""

from __future__ import annotations

import numpy as np
import pytest

from muniment.assurance.evaluation.statistics.detectable import detectable, in_words
from muniment.assurance.evaluation.statistics.paired import flips


def of(scores: list[float], differences: list[float] | None = None) -> float | None:
    """Return what shows in the shares of cases that weigh the same."""
    changes = None if differences is None else np.array(differences)
    return detectable(np.array(scores), np.ones(len(scores)), differences=changes)


@pytest.mark.parametrize(("n", "spread"), [(50, 0.2), (100, 0.3), (400, 0.15)])
def test_a_change_of_that_size_shows_four_times_in_five(n: int, spread: float) -> None:
    chance = np.random.default_rng(9)
    noise = chance.normal(0, spread, n)
    least = of(list(chance.random(n)), list(noise))
    assert least is not None
    changes = chance.normal(least, spread, (n, 400))
    shown = (flips(changes, np.ones(n)).either() < 0.05).mean()
    assert 0.72 <= shown <= 0.9


def test_six_cases_must_change_for_any_change_to_show() -> None:
    assert of([1.0] * 100, [0.0] * 100) == pytest.approx(0.06)
    assert of([1.0] * 5) is None
    assert of([1.0, 0.0] * 3) is None


def test_a_larger_suite_shows_smaller_changes() -> None:
    found = [of([1.0, 1.0, 1.0, 0.0] * n) for n in (5, 20, 80)]
    assert found[0] and found[1] and found[2] and found[0] > found[1] > found[2]


def test_it_says_so_in_words() -> None:
    assert in_words(0.06, 100) == "a change under 6 points would not show with 100 cases"
    assert in_words(0.01, 1000) == "a change under 1 point would not show with 1000 cases"
    assert in_words(41.26, 30, "ms") == "a change under 41.3 ms would not show with 30 cases"
    assert in_words(None, 1) == "no change would show with 1 case"
