"""Compiled loops give the bits that array operations give, whatever a caller may read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.knowledge.indexed import ATTRIBUTES, part_of, stored

from muniment.knowledge.retrieval import compiled, lexical
from muniment.knowledge.retrieval.compiled import Loops
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.segment import IndexRow
from muniment.knowledge.retrieval.vectors import Cosines
from muniment.knowledge.retrieval.view import Part, Selection, View

WORDS = ("leave", "paid", "pump", "valve", "week", "rain")
TERMS = ("leav", "pump", "none", "week", "titl")
DOCUMENT = st.tuples(
    st.integers(0, 2),
    st.integers(1, 4),
    st.integers(1, 6),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=5),
)
"""Segment, access class when written, access class now, texts of its chunks."""


@given(
    st.lists(DOCUMENT, min_size=1, max_size=25),
    st.lists(st.booleans(), min_size=7, max_size=7),
    st.sampled_from([LexicalSettings(), LexicalSettings(1.7, 0.83, 3.3, 0.1, 1.1)]),
)
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_words_and_vectors_score_the_same_to_the_last_bit(
    tmp_path: Path,
    machine_code: Loops,
    documents: list[tuple[int, int, int, list[str]]],
    readable: list[bool],
    settings: LexicalSettings,
) -> None:
    selection = selected(tmp_path, documents, readable)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_made", None)
        words, cosines = measured(selection, settings)
        patch.setattr(compiled, "_made", machine_code)
        again = measured(selection, settings)
    assert again[0].tobytes() == words.tobytes()
    assert again[1].tobytes() == cosines.tobytes()


def test_a_library_of_many_rows_is_estimated_on_all_cores_alike(tmp_path: Path, machine_code: Loops) -> None:
    documents = [(0, number % 40, number % 40, ["leave"] * 23) for number in range(2000)]
    selection = selected(tmp_path, documents, [number % 3 > 0 for number in range(40)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_made", None)
        _, cosines = measured(selection, LexicalSettings())
        patch.setattr(compiled, "_made", machine_code)
        assert measured(selection, LexicalSettings())[1].tobytes() == cosines.tobytes()
    assert len(cosines) > 1 << 14 and (cosines != 0).mean() > 0.99


def measured(selection: Selection, settings: LexicalSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return the BM25 score and the estimated cosine of every place."""
    question = np.linspace(-1, 1, 8).astype(np.float32)
    return lexical.score(selection, TERMS, settings), Cosines(selection, question, "m").rough


def selected(
    folder: Path, documents: list[tuple[int, int, int, list[str]]], readable: list[bool]
) -> Selection:
    """Return what a reader of these classes reads of the documents, some of which changed class since written."""
    rows: dict[int, list[IndexRow]] = {}
    now: dict[str, int] = {}
    for number, (home, before, after, texts) in enumerate(documents):
        name = f"doc_{number:04d}"
        now[name] = after
        rows.setdefault(home, []).extend(
            IndexRow(name, 1, ordinal, before, "Title", "", text) for ordinal, text in enumerate(texts)
        )
    parts: list[Part] = []
    for home, some in sorted(rows.items()):
        vectors = np.random.default_rng(home).standard_normal((len(some), 8)).astype(np.float32)
        parts.append(part_of(stored(folder, some, vectors, "m", f"s{home}"), now))
    return View.of(0, 0, parts, ATTRIBUTES).select(np.array(readable))
