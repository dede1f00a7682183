"""The order for one query is the one that computing everything exactly gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.knowledge.indexed import names, part_of, selection_of, stored

from muniment.knowledge.retrieval import lexical, wording
from muniment.knowledge.retrieval.fuse import FusionSettings, stretched
from muniment.knowledge.retrieval.rank import Legs, RankingSettings, rank
from muniment.knowledge.retrieval.segment import IndexRow

pytestmark = pytest.mark.usefixtures("loops")

WORDS = ("leave", "paid", "pump", "valve", "week", "rain", "crown")


@given(
    st.integers(0, 2**31),
    st.integers(1, 400),
    st.sampled_from([1, 3, 10, 500]),
    st.sampled_from(["hybrid", "dense", "lexical"]),
    st.booleans(),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_order_is_that_of_exact_scores_over_what_may_be_read(
    tmp_path: Path, seed: int, size: int, limit: int, legs: Legs, twins: bool
) -> None:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(size)]
    classes = rng.integers(1, 5, size // 4 + 1)
    rows = [
        IndexRow(f"doc_{at // 4:04d}", 1, at % 4, int(classes[at // 4]), "", "", text)
        for at, text in enumerate(texts)
    ]
    vectors = rng.standard_normal((size, 24)).astype(np.float32)
    if twins:
        vectors = vectors[rng.integers(0, min(size, 3), size)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cut = size // 2 // 4 * 4
    parts = [
        part_of(stored(tmp_path, rows[piece], vectors[piece], "m", f"s{piece.start}"))
        for piece in (slice(0, cut), slice(cut, size))
        if piece.start < piece.stop
    ]
    selection = selection_of(*parts, classes=[1, 3])
    question = rng.standard_normal(24).astype(np.float32)
    query = wording.parse("paid leave crown")
    found = rank(selection, query, question, "m", limit, RankingSettings(legs))

    seen = names(selection)
    at = [int(name[4:]) * 4 + ordinal for name, ordinal in seen]
    cosines = vectors[at].astype(np.float64) @ question.astype(np.float64)
    words = lexical.score(selection, query.terms, RankingSettings().lexical)
    weight = FusionSettings().dense
    exact = {
        "dense": cosines,
        "lexical": words,
        "hybrid": weight * stretched(cosines) + (1 - weight) * stretched(words),
    }[legs]
    places = [one for one in range(len(seen)) if legs != "lexical" or exact[one] > 0]
    order = sorted(places, key=lambda one: (-round(float(exact[one]), 7), seen[one]))[:limit]
    assert [(hit.document, hit.ordinal) for hit in found.hits] == [seen[one] for one in order]
    assert [hit.score for hit in found.hits] == pytest.approx([exact[one] for one in order], abs=1e-6)


def test_rows_without_a_vector_stand_as_the_farthest(tmp_path: Path) -> None:
    rows = [IndexRow(f"doc_{at}", 1, 0, 1, "", "", "pump" if at == 3 else "rain") for at in range(4)]
    vectors = np.eye(4, dtype=np.float32)[:2]
    near = part_of(stored(tmp_path, rows[:2], vectors, "m", "a"))
    bare = part_of(stored(tmp_path, rows[2:], None, "", "b"))
    selection = selection_of(near, bare, classes=[1])
    question = np.array([1, 0.5, 0, 0], np.float32)
    found = rank(selection, wording.parse("pump"), question, "m", 4, RankingSettings())
    assert [(hit.document, hit.score) for hit in found.hits] == [
        ("doc_0", 0.75),
        ("doc_3", 0.25),
        ("doc_1", 0.0),
        ("doc_2", 0.0),
    ]
    assert found.dense and found.partly_lexical
    dense = rank(selection, wording.parse("pump"), question, "m", 4, RankingSettings("dense"))
    assert [(hit.document, hit.score) for hit in dense.hits] == [
        ("doc_0", 1.0),
        ("doc_1", 0.5),
        ("doc_2", 0.5),
        ("doc_3", 0.5),
    ]
