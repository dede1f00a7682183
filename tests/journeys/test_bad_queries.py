"""Questions that nobody should ask, through the command and over HTTP: one clear refusal, or an honest result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.web_client import bearer, client

from muniment.app import Workspace
from muniment.inference import weights

ODD = {
    "emoji": "🍰 canteen 👩‍👩‍👧‍👦",
    "right to left": "\u202ecanteen \u05e9\u05dc\u05d5\u05dd مرحبا",
    "control characters": "canteen" + "".join(map(chr, range(1, 32))),
    "a thousand quotes": 'canteen "' * 800,
    "nothing but minus": "- -- ---",
    "combining": "canteen e" + "\u0301" * 5000,
    "beyond the plane": "canteen \uffff\U0010ffff\ue000\U000e0041",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Command:
    base = tmp_path_factory.mktemp("made")
    command = Command(base / "home").with_people()
    write_documents(base / "documents")
    assert command("ingest", base / "documents", "--source", "papers").code == 0
    return command


@pytest.fixture(params=[False, True], ids=["words", "vectors"])
def served(
    make_workspace: Callable[..., Workspace], folder: Path, request: pytest.FixtureRequest
) -> Workspace:
    embedder = HashedEmbedder() if request.param else None
    workspace = make_workspace(embedder=lambda: embedder)
    workspace.ingest(folder, "docs")
    return workspace


@pytest.mark.parametrize("k", ["0", "-1", "1000000", "1" + "0" * 30, "1.5", "ten", ""])
def test_a_k_that_cannot_be_is_named_with_its_range(made: Command, k: str) -> None:
    ran = made("search", "canteen", "--as", "alice", "-k", k)
    assert ran.code == 2 and "'-k'" in ran.line and ran.out == ""


def test_a_k_that_cannot_be_is_refused_over_http(served: Workspace) -> None:
    http, headers = client(served), bearer(served, "carol")
    for k in (0, -1, 10**6, 10**30, 1.5, "3", True, None):
        got = http.post("/v1/search", json={"query": "canteen", "k": k}, headers=headers)
        assert (got.status_code, got.json()["code"]) == (422, "bad-input") and "body.k" in got.json()[
            "detail"
        ]
    assert http.post("/v1/search", json={"query": "canteen", "k": 100}, headers=headers).status_code == 200


@pytest.mark.parametrize("query", ["", " ", "\u3000\n\t"])
@pytest.mark.parametrize("command", ["search", "ask"])
def test_an_empty_question_is_told_so(made: Command, command: str, query: str) -> None:
    ran = made(command, query, "--as", "alice")
    assert ran.code == 2 and "empty" in ran.line


@pytest.mark.parametrize("command", ["search", "ask"])
def test_a_hundred_kilobytes_are_refused_with_the_limit(made: Command, command: str) -> None:
    ran = made(command, "canteen " * 12_500, "--as", "alice")
    assert ran.code == 2 and "characters" in ran.line and "Use at most" in ran.line and len(ran.line) < 200


def test_a_hundred_kilobytes_over_http_are_refused_with_and_without_fitting_a_body(served: Workspace) -> None:
    http, headers = client(served), bearer(served, "carol")
    for path, field in (("/v1/search", "query"), ("/v1/answers", "question")):
        large = http.post(path, json={field: "canteen " * 12_500}, headers=headers)
        long = http.post(path, json={field: "canteen " * 1_100}, headers=headers)
        assert (large.status_code, large.json()["code"]) == (413, "too-large")
        assert (long.status_code, long.json()["code"]) == (422, "bad-input")
        assert f"body.{field}" in long.json()["detail"] and "canteen" not in long.text


@pytest.mark.parametrize(
    ("command", "given"),
    [("search", b"canteen \xff\xfe"), ("ask", b"\xed\xa0\x80"), ("search", b"\x80\x81\x82")],
)
def test_bytes_that_are_no_utf8_are_refused_on_the_command_line(
    made: Command, command: str, given: bytes
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "muniment.interfaces.cli.main", command, given, "--as", "alice", "--json"],
        env={**os.environ, "MUNIMENT_HOME": str(made.home)},
        capture_output=True,
        timeout=120,
    )
    error = json.loads(ran.stdout)["error"]
    assert ran.returncode == 2 and error["code"] == "bad-input" and "UTF-8" in error["message"]
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("body", [b'{"%s": "canteen \\u0000"}', b'{"%s": "\\ud800"}', b'{"%s": "\xff"}'])
def test_nul_and_what_is_no_text_are_refused_over_http(served: Workspace, body: bytes) -> None:
    http = client(served)
    headers = {**bearer(served, "carol"), "content-type": "application/json"}
    for path, field in (("/v1/search", b"query"), ("/v1/answers", b"question")):
        got = http.post(path, content=body % field, headers=headers)
        assert got.status_code in (400, 422) and got.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ODD)
def test_odd_questions_find_what_their_words_find(served: Workspace, kind: str) -> None:
    http, headers = client(served), bearer(served, "carol")
    searched = http.post("/v1/search", json={"query": ODD[kind]}, headers=headers)
    asked = http.post("/v1/answers", json={"question": ODD[kind][:2000]}, headers=headers)
    assert (searched.status_code, asked.status_code) == (200, 200)
    paths = {p["title"] for p in searched.json()["passages"]}
    assert paths == ({"Canteen"} if "canteen" in ODD[kind] or served.embedder else set())
    assert asked.json()["status"] in ("answered", "abstained")


@pytest.mark.parametrize("kind", ODD)
def test_odd_questions_are_harmless_on_the_command_line(made: Command, kind: str) -> None:
    ran = made("search", "--as", "bob", "--", ODD[kind])
    assert ran.code == 0 and "\u202e" not in ran.out and "\x1b" not in ran.out


@pytest.fixture
def wrong_weights(tmp_path: Path) -> Path:
    place = tmp_path / "weights" / weights.EMBEDDING.name
    place.mkdir(parents=True)
    for file in weights.EMBEDDING.files:
        (place / file.name).write_bytes(b"not these weights")
    return place


def test_a_weight_file_with_the_wrong_digest_is_named_and_not_used(
    made: Command, wrong_weights: Path, tmp_path: Path
) -> None:
    command = made.copy(tmp_path / "home")
    (command.home / "settings.toml").write_text(f'[weights]\nfolder = "{wrong_weights.parent}"\n')
    model = str(wrong_weights / "model.onnx")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/note.txt").write_text("The walrus eats herring.\n")
    for words in (
        ("search", "canteen", "--as", "alice"),
        ("ask", "When does the canteen open?", "--as", "alice"),
        ("ingest", tmp_path / "more", "--source", "more"),
        ("index", "repair"),
    ):
        ran = command(*words)
        assert ran.code == 1 and model in ran.line and "muniment models fetch" in ran.line, words
        assert ran.out == ""
    doctor = command("doctor", "--json")
    told = next(one for one in doctor.document["checks"] if one["name"] == "weights")
    assert doctor.code == 1 and model in told["says"] and "muniment models fetch" in told["fix"]
    checked = command("models", "check", "--json").document["weights"]
    assert not next(one for one in checked if one["purpose"] == "embedding")["ok"]
    assert command("index", "check").code == 0
    (command.home / "settings.toml").write_text("[retrieval]\nvectors = false\n")
    assert "canteen" in command("search", "canteen", "--as", "bob").out
