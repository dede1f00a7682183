"""The permitted-only comparison passes what searches only permitted rows, and misses what does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.simulators.embedder import HashedEmbedder

from benchmarks import permitted, retrieval
from benchmarks.beir import Collection, embedded
from benchmarks.permitted import Compared
from muniment.inference import weights
from muniment.knowledge.retrieval import lexical
from muniment.knowledge.retrieval.view import Selection
from muniment.knowledge.retrieval.visibility import AccessIndex

SHARES = (0.43, 0.09)
DOCUMENTS, CLAIMS = 120, 4


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def collection() -> Collection:
    """Return documents of two to forty words; each claim is answered by a document in every seven."""
    rng = np.random.default_rng(3)
    words = [f"w{word}" for word in range(40)]

    def some(count: int) -> str:
        return " ".join(rng.choice(words, count).tolist())

    corpus = [
        {"id": f"d{at}", "title": some(2), "text": some(int(rng.integers(2, 40)))} for at in range(DOCUMENTS)
    ]
    questions = [(f"q{at}", some(4)) for at in range(CLAIMS)]
    relevant = {f"q{at}": {f"d{one}": 1 for one in range(at, DOCUMENTS, 7)} for at in range(CLAIMS)}
    return Collection("small", corpus, questions, relevant)


def compared(
    collection: Collection, questions: Sequence[tuple[str, str]] | None = None, words_only: bool = False
) -> list[Compared]:
    embedder = None if words_only else HashedEmbedder()
    vectors, _ = embedded(collection, embedder, None, quiet)
    asked = collection.questions if questions is None else questions
    return permitted.compared(collection, asked, vectors, embedder, quiet, SHARES)


def missed(found: Sequence[Compared]) -> set[str]:
    return {str(one["what"]) for one in permitted.bars(found) if not one["ok"]}


@pytest.mark.parametrize("words_only", [False, True])
def test_every_reader_finds_exactly_what_a_library_of_the_permitted_alone_gives(
    collection: Collection, words_only: bool
) -> None:
    found = compared(collection, words_only=words_only)
    assert len(found) == len(SHARES)
    assert not missed(found) and len(permitted.bars(found)) == 4
    assert all(one.claims == CLAIMS and one.passages and one.differing == 0 for one in found)
    assert all(one.ndcg == one.ideal for one in found)
    assert all(0.5 < one.documents / (one.aim * DOCUMENTS) < 1.5 for one in found)
    if not words_only:
        assert [one.passages for one in found] == [CLAIMS * one.documents for one in found]


def test_statistics_of_rows_that_may_not_be_read_miss_the_bar(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_all_rows(selection: Selection) -> np.ndarray:
        return sum(part.segment.length_sums[-1] for part in selection.parts)

    monkeypatch.setattr(lexical, "_length_sums", of_all_rows)
    assert "43 % readable: claims unlike the permitted-only ideal" in missed(compared(collection))


def test_dropping_forbidden_rows_only_after_they_are_ranked_misses_the_bar(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = AccessIndex.readable

    def everything(*given: object) -> np.ndarray:
        return np.ones_like(judge(*given))

    monkeypatch.setattr(AccessIndex, "readable", everything)
    found = compared(collection)
    assert all(one.differing == CLAIMS for one in found)
    assert "9 % readable: nDCG@10 off the permitted-only ideal" in missed(found)


def test_a_permitted_document_that_is_not_found_misses_the_bar(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = AccessIndex.readable

    def one_list_fewer(*given: object) -> np.ndarray:
        classes = judge(*given)
        if classes.sum() > 1:
            classes[np.flatnonzero(classes)[0]] = False
        return classes

    monkeypatch.setattr(AccessIndex, "readable", one_list_fewer)
    assert "43 % readable: claims unlike the permitted-only ideal" in missed(compared(collection))


def test_claims_without_a_readable_answer_are_compared_and_not_judged(collection: Collection) -> None:
    unanswerable = Collection("small", collection.corpus, collection.questions, {"q0": {"d0": 0}, "q1": {}})
    found = compared(unanswerable, collection.questions[:2])
    assert [(one.claims, one.judged, one.ndcg) for one in found] == [(2, 0, None)] * len(found)
    assert [one["unit"] for one in permitted.bars(found)] == ["claims", "claims"]


def test_a_share_of_less_than_one_list_has_no_reader(collection: Collection) -> None:
    found = permitted.compared(collection, collection.questions[:1], None, None, quiet)
    assert {one.aim for one in found} == {0.43, 0.09}


def test_the_benchmark_states_the_bars_after_its_plain_figures(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines(rows: Sequence[dict[str, str]]) -> str:
        return "\n".join(json.dumps(row) for row in rows)

    corpus = [{"_id": one["id"], "title": one["title"], "text": one["text"]} for one in collection.corpus]
    (tmp_path / "corpus.jsonl").write_text(lines(corpus))
    (tmp_path / "queries.jsonl").write_text(
        lines([{"_id": name, "text": text} for name, text in collection.questions])
    )
    judged = [f"{name}\t{one}\t1" for name, gains in collection.relevant.items() for one in gains]
    (tmp_path / "qrels_train.tsv").write_text("\n".join(judged))
    monkeypatch.setattr(weights, "find", lambda *_: None)
    result = retrieval.run({"beir": str(tmp_path), "claims": "2"}, quiet)
    assert [row["claims"] for row in result["within_access_lists"]] == [2, 2]
    assert {"lexical nDCG@10", "9 % readable: claims unlike the permitted-only ideal"} <= {
        one["what"] for one in result["bars"]
    }
    assert not retrieval.run({"beir": str(tmp_path), "claims": "0"}, quiet)["within_access_lists"]
