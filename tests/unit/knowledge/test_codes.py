"""One byte a dimension, and a bound on what that loses which always holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.foundation.errors import BadInput
from muniment.knowledge.retrieval import codes, scan
from muniment.knowledge.retrieval.codes import Codes, Question
from muniment.knowledge.retrieval.scan import Runs, products, spread

pytestmark = pytest.mark.usefixtures("loops")


def estimates(encoded: Codes, runs: Runs, question: Question) -> np.ndarray:
    """Return the estimates of all rows of the runs."""
    out = np.full(int(runs.sizes.sum()), np.nan, np.float32)
    scan.estimates(encoded, runs, question, out)
    return out


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """Return unit vectors, some of them with a few large coordinates as embeddings of text have, some zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, dimensions = draw(st.integers(1, 40)), draw(st.sampled_from([1, 2, 8, 33, 384]))
    made = rng.standard_normal((rows, dimensions)) * rng.exponential(size=dimensions) ** draw(
        st.integers(0, 4)
    )
    if draw(st.booleans()):
        made[rng.integers(rows)] = 0
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    return (made / np.where(lengths == 0, 1, lengths)).astype(np.float32)


@given(matrices(), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_no_estimate_is_farther_from_the_truth_than_its_bound(matrix: np.ndarray, seed: int) -> None:
    vector = np.random.default_rng(seed).standard_normal(matrix.shape[1]).astype(np.float32)
    truth = matrix.astype(np.float64) @ vector.astype(np.float64)
    encoded, question = codes.encode(matrix), codes.ask(vector)
    every = np.arange(len(matrix))
    lost, length = encoded.lost.astype(np.float64), encoded.length.astype(np.float64)
    rough = estimates(encoded, Runs(np.array([0]), np.array([len(matrix)])), question)
    assert (np.abs(rough - truth) <= codes.bounds(lost, length, question, question.coarse_lost)).all()
    coarse = products(encoded.codes, every, question.coarse).astype(np.float64)
    fine = products(encoded.codes, every, question.fine).astype(np.float64)
    finer = encoded.scale * (question.coarse_scale * coarse + question.fine_scale * fine)
    bounds = codes.bounds(lost, length, question, question.fine_lost)
    assert (np.abs(finer - truth) <= bounds).all()


def test_two_levels_of_the_question_lose_about_half_of_what_one_does() -> None:
    rng = np.random.default_rng(5)
    matrix = rng.standard_normal((500, 384)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    encoded, question = codes.encode(matrix), codes.ask(matrix[7])
    lost, length = encoded.lost.astype(np.float64), encoded.length.astype(np.float64)
    one = codes.bounds(lost, length, question, question.coarse_lost).mean()
    two = codes.bounds(lost, length, question, question.fine_lost).mean()
    assert two < 0.6 * one < 0.02


def test_the_rotation_keeps_lengths_and_is_the_same_each_time() -> None:
    for size in (1, 2, 33, 64, 384):
        turned = codes.rotation(size)
        np.testing.assert_allclose(turned @ turned.T, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(codes.rotation(384)[0, :3], [0.04589844, -0.02246094, 0.00488281], atol=1e-6)


def test_one_large_coordinate_is_spread_over_all() -> None:
    for size in (33, 64, 384):
        assert np.abs(codes.rotation(size)).max() < 7 / size**0.5


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 30)), min_size=1, max_size=40), st.booleans())
@settings(max_examples=60, deadline=None)
def test_runs_of_any_length_give_what_their_rows_give(pieces: list[tuple[int, int]], one_byte: bool) -> None:
    gaps, sizes = np.array(pieces).T
    ends = np.cumsum(gaps + sizes)
    runs = Runs(ends - sizes, ends)
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((int(ends[-1]), 16 if one_byte else 384)).astype(np.float32)
    encoded, question = codes.encode(matrix), codes.ask(matrix[0])
    every = estimates(encoded, Runs(np.array([0]), np.array([len(matrix)])), question)
    assert (estimates(encoded, runs, question) == every[runs.rows()]).all()
    assert (runs.joined().rows() == runs.rows()).all()
    for size in (1, 7, 40):
        portions = runs.cut(size)
        assert np.concatenate([portion.rows() for portion, _ in portions]).tolist() == runs.rows().tolist()
        ends = [place.stop for _, place in portions]
        assert [place.start for _, place in portions] == [0, *ends[:-1]]
        assert all(len(portion.rows()) == place.stop - place.start < 2 * size for portion, place in portions)
    assert len(runs.joined().starts) == 1 + int((gaps[1:] > 0).sum())


def test_no_rows_give_nothing() -> None:
    none = np.zeros(0, np.int64)
    encoded = codes.encode(np.ones((3, 8), np.float32))
    assert estimates(encoded, Runs(none, none), codes.ask(np.ones(8, np.float32))).shape == (0,)
    assert spread(none, none).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused_by_name(bad: float) -> None:
    with pytest.raises(BadInput, match="not finite"):
        codes.encode(np.array([[1.0, bad]], np.float32))
    with pytest.raises(BadInput, match="not finite"):
        codes.ask(np.array([bad, 1.0], np.float32))
