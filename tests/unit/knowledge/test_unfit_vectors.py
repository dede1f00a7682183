"""An embedding model that gives numbers that are none costs vectors, never a wrong result, and it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedding import Vectors
from muniment.knowledge import library
from muniment.knowledge.ingestion.fitness import by_fitness
from muniment.knowledge.retrieval.question import NO_VECTOR
from muniment.knowledge.retrieval.retrieve import PARTLY_WORDS
from muniment.knowledge.retrieval.segment import IndexRow


class Ill(HashedEmbedder):
    """A working embedder that gives `bad` for texts with one word."""

    def __init__(self, bad: float, word: str) -> None:
        super().__init__()
        self.bad, self.word = bad, word

    def _embed(self, text: str) -> Vectors:
        vector = super()._embed(text)
        if self.word and self.word in text:
            vector = vector.copy()
            vector[3] = self.bad
        return vector

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._embed(text) for text in texts])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_document_with_an_unfit_vector_is_found_by_words_alone_and_named(
    make_workspace: Callable[..., Workspace], folder: Path, bad: float
) -> None:
    embedder = Ill(bad, "Tarn")
    workspace = make_workspace(embedder=lambda: embedder)
    report = workspace.ingest(folder, "docs")
    (named,) = report.failed
    assert named.path == "sales/prices.csv" and "found by words alone" in named.reason
    assert report.added == 5
    found = workspace.search("heron price", "bob")
    assert {p.path for p in found.passages} >= {"sales/prices.csv"} and PARTLY_WORDS in found.notes
    assert all(np.isfinite(p.score) for p in found.passages)
    assert workspace.search("canteen", "carol").notes == ()
    with workspace.database.read() as connection:
        assert {row.model for row in library.segments(connection)} == {"", embedder.model.digest}
    embedder.word = ""
    workspace.ingest(folder, "docs")
    assert workspace.search("heron price", "bob").notes == ()


def test_a_repair_with_an_unfit_vector_goes_on_too(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    embedder = Ill(np.nan, "")
    workspace = make_workspace(embedder=lambda: embedder)
    workspace.ingest(folder, "docs")
    embedder.word = "Tarn"
    for file in workspace.segments.folder.glob("*.segment"):
        file.write_bytes(b"")
    workspace.upkeep.repair(OPERATOR)
    assert workspace.search("heron", "bob").passages and workspace.search("canteen", "carol").notes == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_question_with_an_unfit_vector_is_ranked_by_words_and_told(
    make_workspace: Callable[..., Workspace], folder: Path, bad: float
) -> None:
    embedder = Ill(bad, "")
    workspace = make_workspace(embedder=lambda: embedder, clock=FixedClock())
    words = make_workspace("words", clock=FixedClock())
    for one in (workspace, words):
        one.ingest(folder, "docs")
    embedder.word = "canteen"
    found = workspace.search("canteen opens", "carol")
    assert found.notes == (NO_VECTOR,) and found.index["legs"] == "lexical"
    assert [(p.path, p.score) for p in found.passages] == [
        (p.path, p.score) for p in words.search("canteen opens", "carol").passages
    ]
    answer = workspace.ask("When does the canteen open?", "carol")
    assert answer.status in ("answered", "abstained") and NO_VECTOR in answer.notes


def test_rows_are_kept_apart_by_document() -> None:
    rows = [IndexRow(name, 1, at, 1, "", "", "") for name in ("doc_a", "doc_b", "doc_c") for at in range(2)]
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)
    assert by_fitness(rows, vectors) == [(rows, vectors)]
    vectors[2, 1] = np.nan
    (kept, theirs), (apart, none) = by_fitness(rows, vectors)
    assert [row.document for row in kept] == ["doc_a", "doc_a", "doc_c", "doc_c"] and none is None
    assert theirs is not None and theirs[:, 0].tolist() == [0, 2, 8, 10]
    assert [row.document for row in apart] == ["doc_b", "doc_b"]
    assert by_fitness(rows[2:4], vectors[2:4]) == [(rows[2:4], None)] and by_fitness([], None) == []


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud800", "canteen \udcff"])
def test_what_cannot_be_stored_as_text_is_refused_before_anything_is_embedded(
    workspace: Workspace, text: str
) -> None:
    for ask in (workspace.search, workspace.ask):
        with pytest.raises(BadInput, match=r"UTF-8|NUL"):
            ask(text, "alice")
