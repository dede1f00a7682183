"""Exact similarity over chosen rows, and the cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from muniment.knowledge.retrieval import vectors


def _unit(seed: int, rows: int, dimensions: int = 48) -> np.ndarray:
    matrix = np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_similarities_are_dot_products_of_the_chosen_rows_only() -> None:
    matrix, query = _unit(1, 200), _unit(2, 1)[0]
    rows = np.array([3, 8, 150])
    expected = [float(np.dot(matrix[row].astype(np.float64), query.astype(np.float64))) for row in rows]
    np.testing.assert_allclose(vectors.similarities(matrix, rows, query), expected, atol=1e-6)


def test_rows_outside_the_choice_do_not_move_a_single_bit() -> None:
    matrix, query = _unit(3, 500), _unit(4, 1)[0]
    rows = np.flatnonzero(np.random.default_rng(5).random(500) < 0.3)
    before = vectors.similarities(matrix, rows, query)
    other = matrix.copy()
    other[np.setdiff1d(np.arange(500), rows)] = _unit(6, 500 - len(rows))
    assert (vectors.similarities(other, rows, query) == before).all()
    assert (vectors.similarities(matrix[rows], np.arange(len(rows)), query) == before).all()


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9]), max_size=40), st.integers(0, 45))
def test_the_top_is_the_head_of_a_stable_sort(scores: list[float], k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda at: -scores[at])[:k]
    assert vectors.top(np.array(scores), k).tolist() == expected


def test_ties_keep_the_order_of_rows() -> None:
    assert vectors.top(np.array([0.5, 0.9, 0.5, 0.9, 0.5]), 4).tolist() == [1, 3, 0, 2]
