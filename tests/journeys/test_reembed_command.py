"""Going over to another embedding model through the real command, with real model files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents
from tests.simulators import tiny_model

from muniment.inference.embedders import BUNDLED

QUESTION = "How much is the on-call engineer paid for each weekend?"


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a workspace with two models of the operator's, and none of muniment's own weights."""
    monkeypatch.delenv("MUNIMENT_WEIGHTS", raising=False)
    models = [
        tiny_model.settings(name, tmp_path / name, tiny_model.write(tmp_path / name, seed))
        for seed, name in enumerate(("tiny-a", "tiny-b"))
    ]
    command = Command(tmp_path / "home", f'[weights]\ncache = "{tmp_path / "none"}"\n' + "".join(models))
    command.with_people()
    write_documents(tmp_path / "documents")
    ingested = command("ingest", tmp_path / "documents", "--source", "papers")
    assert ingested.code == 0 and "muniment models fetch" in ingested.out
    return command


def states(command: Command) -> dict[str, str]:
    found = command("index", "models", "--json").document["models"]
    return {one["model"]: one["state"] for one in found}


def embedding(command: Command) -> str | None:
    found = command("search", QUESTION, "--as", "alice", "--json").document
    return found["decision"]["index"].get("embedding")


def test_from_words_alone_to_one_model_and_on_to_another(ready: Command, tmp_path: Path) -> None:
    assert states(ready) == {BUNDLED.name: "not present", "tiny-a": "available", "tiny-b": "available"}
    listed = ready("index", "models").out
    assert "muniment models fetch" in " ".join(listed.split()) and "No model is in use" in listed
    would = ready("index", "reembed", "tiny-a", "--dry-run")
    assert would.code == 0 and "5 of 5 documents would get vectors of tiny-a" in would.out
    assert states(ready)["tiny-a"] == "available"

    done = ready("index", "reembed", "tiny-a")
    assert done.code == 0 and "instead of words alone" in done.out and "Making documents' vectors" in done.err
    first = embedding(ready)
    assert first is not None and first.startswith("tiny-a@sha256:")
    again = ready("index", "reembed", "tiny-a")
    assert again.code == 0 and "already" in again.out

    over = ready("index", "reembed", "tiny-b", "--json").document
    assert over["switched"] and over["made"] == over["documents"] == 5 and over["before"]["model"] == "tiny-a"
    second = embedding(ready)
    assert second is not None and second.startswith("tiny-b@sha256:")
    assert states(ready) == {BUNDLED.name: "not present", "tiny-a": "available", "tiny-b": "in use"}

    (tmp_path / "documents/all/ferry.md").write_text("# Ferry\n\nThe ferry leaves when it rains.\n")
    assert ready("ingest", tmp_path / "documents", "--source", "papers", "--json").document["vectors"]
    assert embedding(ready) == second
    assert "ferry" in ready("search", "When does a ferry leave?", "--as", "bob").out
    assert ready("audit", "verify").code == 0
    assert "index.model_switched" in ready("audit", "tail").out
    doctor = ready("doctor")
    assert "searches use tiny-b" in doctor.out


def test_an_answer_names_the_model_that_searched_for_it(ready: Command) -> None:
    ready("index", "reembed", "tiny-a")
    answer = ready("ask", QUESTION, "--as", "alice", "--json").document["id"]
    ready("index", "reembed", "tiny-b")
    lineage = ready("explain", answer, "--as", "alice", "--json").document["lineage"]
    assert lineage["index"]["embedding"].startswith("tiny-a@sha256:")


def test_a_model_that_is_gone_leaves_words_and_says_the_way_back(ready: Command, tmp_path: Path) -> None:
    ready("index", "reembed", "tiny-a")
    moved = tmp_path / "tiny-a" / "model.onnx"
    moved.rename(tmp_path / "elsewhere")
    found = ready("search", QUESTION, "--as", "alice", "--json").document
    (note,) = found["decision"]["notes"]
    assert "tiny-a" in note and str(tmp_path / "tiny-a") in note
    assert "embedding" not in found["decision"]["index"] and found["passages"]
    doctor = ready("doctor", "--json").document["checks"]
    (check,) = [one for one in doctor if one["name"] == "index"]
    assert check["state"] == "warn" and str(tmp_path / "tiny-a") in check["fix"]
    assert "tiny-a" in ready("ingest", tmp_path / "documents", "--source", "papers").out
    refused = ready("index", "reembed", "tiny-b")
    assert refused.code == 0 and embedding(ready) is not None
    (tmp_path / "elsewhere").rename(moved)
    moved.write_bytes(moved.read_bytes() + b"x")
    broken = ready("index", "reembed", "tiny-a")
    assert broken.code == 1 and "not the file of the embedding model tiny-a" in broken.line


def test_the_files_of_own_models_are_verified_with_the_weights(ready: Command, tmp_path: Path) -> None:
    def checked() -> dict[str, str]:
        return {one["name"]: one["state"] for one in ready("models", "check", "--json").document["weights"]}

    assert "tiny-b" in ready("models", "list").out
    assert checked()["tiny-a"] == checked()["tiny-b"] == "verified"
    (tmp_path / "tiny-a" / "tokenizer.json").write_bytes(b"{}")
    (tmp_path / "tiny-b" / "model.onnx").unlink()
    assert "not the file" in checked()["tiny-a"] and "missing" in checked()["tiny-b"]


def test_wrong_usage_is_one_line_with_the_fix(ready: Command) -> None:
    assert ready("index", "reembed").code == 2
    assert ready("index", "reembed", "tiny-a", "--drop").code == 2
    unknown = ready("index", "reembed", "tiny-c")
    assert unknown.code == 2 and "tiny-a, tiny-b" in unknown.line
    absent = ready("index", "reembed", BUNDLED.name)
    assert absent.code == 4 and "muniment models fetch" in absent.line
    assert "Nothing is being built" in ready("index", "reembed", "--drop").out
    assert "muniment index reembed NAME" in ready("index", "reembed", "--help").out
