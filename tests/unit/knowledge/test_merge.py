"""Segments that were merged answer as the same rows written at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.knowledge.indexed import names, part_of, selection_of, store, stored

from muniment.knowledge.retrieval import lexical, merge
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.merge import Kept
from muniment.knowledge.retrieval.segment import IndexRow, Segment
from muniment.knowledge.retrieval.vectors import Cosines

pytestmark = pytest.mark.usefixtures("loops")

WORDS = ("leave", "paid", "pump", "valve", "week")
DOCUMENT = st.tuples(
    st.integers(0, 2),
    st.integers(1, 4),
    st.integers(1, 4),
    st.booleans(),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=4),
)


@given(st.lists(DOCUMENT, min_size=1, max_size=25), st.booleans(), st.sampled_from([1, 3, 1 << 15]))
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_merged_segment_holds_what_is_kept_and_nothing_else(
    tmp_path: Path, documents: list[tuple[int, int, int, bool, list[str]]], dense: bool, at_once: int
) -> None:
    written: dict[int, list[IndexRow]] = {0: [], 1: [], 2: []}
    wanted: list[IndexRow] = []
    now: dict[str, int] = {}
    for number, (home, before, after, kept, texts) in enumerate(documents):
        name = f"doc_{number:03d}"
        for ordinal, text in enumerate(texts):
            written[home].append(IndexRow(name, 2, ordinal, before, "Title", "", text))
            if kept:
                wanted.append(IndexRow(name, 2, ordinal, after, "Title", "", text))
        if kept:
            now[name] = after
    if not wanted:
        return
    sources = [_kept(_made(tmp_path, rows, dense, f"s{home}"), now) for home, rows in written.items() if rows]
    sources = [source for source in sources if len(source.extents)]
    merge._ROWS_AT_ONCE, before_size = at_once, merge._ROWS_AT_ONCE
    try:
        one = store(tmp_path, *merge.merged(sources, {1: 3, 2: 0}), "merged")
    finally:
        merge._ROWS_AT_ONCE = before_size
    other = _made(tmp_path, wanted, dense, "fresh")
    assert sorted(zip(one.documents, one.versions.tolist(), strict=True)) == [
        (name, 2) for name in sorted(now)
    ]
    assert one.block_classes.tolist() == sorted(set(now.values()), key=lambda n: ({1: 3, 2: 0}.get(n, 2), n))
    for classes in ([1], [2, 3], [1, 2, 3, 4]):
        assert _answers(one, classes) == _answers(other, classes)


def _made(folder: Path, rows: list[IndexRow], dense: bool, name: str) -> Segment:
    vectors = np.stack([_vector(row) for row in rows]) if dense else None
    return stored(folder, rows, vectors, "m" if dense else "", name)


def _vector(row: IndexRow) -> np.ndarray:
    return np.random.default_rng([int(row.document[4:]), row.ordinal]).standard_normal(8).astype(np.float32)


def _kept(made: Segment, now: dict[str, int]) -> Kept:
    extents = np.array([at for at, name in enumerate(made.documents) if name in now], np.int64)
    return Kept(made, extents, np.array([now[made.documents[at]] for at in extents], np.int64))


def _answers(made: Segment, classes: list[int]) -> dict[tuple[str, int], tuple[float, float]]:
    selection = selection_of(part_of(made), classes=classes)
    words = lexical.score(selection, ("leav", "pump", "titl", "none"), LexicalSettings())
    cosines = Cosines(selection, np.arange(8, dtype=np.float32), "m")
    exact = cosines.exact(np.arange(selection.size)) if cosines.has.all() else np.zeros(selection.size)
    return {
        name: (round(float(word), 12), float(cosine))
        for name, word, cosine in zip(names(selection), words, exact, strict=True)
    }
