"""The best of many from bounded estimates are the true best."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.knowledge.retrieval.certify import Scale, best, extremes


class Vague:
    """Values known only within a bound, and finer on demand; counts what is computed exactly."""

    def __init__(self, truth: np.ndarray, bound: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.truth = truth
        self.bound = bound
        self.rough = (truth + rng.uniform(-bound, bound, len(truth)) * 0.999).astype(np.float32)
        self._finer = truth + rng.uniform(-bound, bound, len(truth)) / 4
        self.computed = 0

    def finer(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._finer[places], np.full(len(places), self.bound / 4)

    def exact(self, places: np.ndarray) -> np.ndarray:
        self.computed += len(places)
        return self.truth[places]


def vague(seed: int, size: int, bound: float, steps: int = 1000) -> Vague:
    truth = np.random.default_rng(seed).integers(-steps, steps + 1, size) / steps
    return Vague(truth, bound, seed + 1)


SEEDS = st.integers(0, 2**31)


@given(
    SEEDS, st.integers(1, 1500), st.integers(0, 60), st.sampled_from([0.0, 0.01, 0.3]), st.booleans(), SEEDS
)
@settings(max_examples=200, deadline=None)
def test_all_of_the_true_best_are_found_with_their_exact_scores(
    seed: int, size: int, k: int, bound: float, masked: bool, other: int
) -> None:
    values = vague(seed, size, bound, steps=20)
    rng = np.random.default_rng(other)
    added = rng.integers(0, 5, size) / 10
    among = rng.random(size) < 0.5 if masked else None
    scale = Scale(float(rng.integers(0, 4)) / 2, float(values.truth.min()))
    places, scores = best(values, k, scale, added, among)
    truth = scale.weight * (values.truth - scale.origin) + added
    allowed = np.arange(size) if among is None else np.flatnonzero(among)
    assert (scores == truth[places]).all() and set(places) <= set(allowed)
    wanted = np.sort(truth[allowed])[::-1][:k]
    assert np.sort(scores)[::-1][:k].tolist() == wanted.tolist()
    if k and len(wanted):
        assert set(allowed[truth[allowed] >= wanted[-1]]) <= set(places)


@given(SEEDS, st.integers(1, 2000))
@settings(max_examples=50, deadline=None)
def test_the_lowest_and_the_highest_are_exact(seed: int, size: int) -> None:
    values = vague(seed, size, 0.05)
    assert extremes(values) == (values.truth.min(), values.truth.max())
    among = np.random.default_rng(seed).random(size) < 0.5
    if among.any():
        assert extremes(values, among) == (values.truth[among].min(), values.truth[among].max())


def test_few_are_computed_exactly() -> None:
    values = vague(3, 100_000, 0.001, steps=10**6)
    best(values, 10)
    assert 10 <= values.computed < 100
