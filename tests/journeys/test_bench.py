"""`muniment bench` measures what it says, and says what it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import Command

CORPUS = {
    "d1": ("Herons", "The heron fishes at dawn."),
    "d2": ("Tarns", "A tarn is a lake -in the mountains."),
    "d3": ("Canteen", "The canteen opens at eight."),
}
QUERIES = {"q1": "The heron fishes", "q2": 'Lakes "of any kind" -in mountains'}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    folder = tmp_path / "birds"
    folder.mkdir()
    documents = [{"_id": name, "title": title, "text": text} for name, (title, text) in CORPUS.items()]
    queries = [{"_id": name, "text": text} for name, text in QUERIES.items()]
    for name, rows in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels_test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    return folder


def test_a_collection_is_measured_as_questions_and_reported(tmp_path: Path, collection: Path) -> None:
    command = Command(tmp_path / "home")
    ran = command(
        "--json", "bench", "retrieval", "--beir", collection, "--split", "test", "--rerank-claims", "0"
    )
    lexical = ran.document["results"]["lexical"]
    assert ran.document["collection"] == {"name": "birds/test", "documents": 3, "claims": 2}
    assert (lexical["ndcg@10"], lexical["recall@100"], lexical["map"], lexical["mrr"]) == (1, 1, 1, 1)
    assert ran.code == (0 if all(bar["ok"] for bar in ran.document["bars"]) else 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "No collection to measure on. Give a BEIR folder with --beir FOLDER."),
        (["--beir", "/nowhere"], "/nowhere has no corpus.jsonl or corpus.jsonl.gz."),
        (["beir"], "'beir' is not an option."),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(tmp_path: Path, words: list[str], said: str) -> None:
    ran = Command(tmp_path / "home")("bench", "retrieval", *words)
    assert ran.code != 0 and said in ran.line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--peers", "lucene"], "--peers names lucene. Known: faiss_sq8, lance_flat,"),
        (["--svg"], "--svg names no file. Write --svg FILE."),
        (["--svg", "/nowhere/scale.svg"], "--svg /nowhere/scale.svg cannot be written."),
    ],
)
def test_an_option_that_cannot_be_used_is_said_before_anything_is_measured(
    tmp_path: Path, words: list[str], said: str
) -> None:
    ran = Command(tmp_path / "home")("bench", "scale", *words)
    assert ran.code == 2 and said in ran.line
    assert "drawing" not in ran.err


@pytest.mark.parametrize("rows", ["0", "-1", "many", "1000", "99999999999"])
def test_a_size_that_cannot_be_drawn_is_one_clear_line(tmp_path: Path, rows: str) -> None:
    ran = Command(tmp_path / "home")("bench", "scale", f"--rows={rows}")
    assert ran.code != 0 and f"--rows is {rows}. Give a number from 50000 to 10000000." in ran.line
