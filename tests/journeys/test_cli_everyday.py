"""A newcomer's day with the command: from nothing to an answer with evidence, in text and in JSON."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents

HEAVY = {
    "alembic", "cedarpy", "cryptography", "fastapi", "httpx", "joserfc", "numba", "numpy", "onnxruntime", "pydantic",
    "pyroaring", "rich", "sqlalchemy", "starlette", "uvicorn",
}  # fmt: skip
QUESTION = "How much is the on-call engineer paid for each weekend?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A workspace with the small documents, which no test changes."""
    base = tmp_path_factory.mktemp("made")
    command = Command(base / "home").with_people()
    write_documents(base / "documents")
    assert command("ingest", base / "documents", "--source", "papers").code == 0
    return command


@pytest.fixture
def ready(made: Command, tmp_path: Path) -> Command:
    """The same workspace and documents, for this test alone."""
    shutil.copytree(made.home.parent / "documents", tmp_path / "documents")
    return made.copy(tmp_path / "home")


@pytest.fixture
def papers(ready: Command) -> Path:
    return ready.home.parent / "documents"


def test_help_of_every_command_answers_at_once_and_shows_an_example(tmp_path: Path) -> None:
    command = Command(tmp_path / "none", settings="")
    assert command.apart("--help").code == 0
    # Counted rather than timed: a busy machine must not fail this. `bench everyday` has the time.
    imported = command.apart("--help", PYTHONPROFILEIMPORTTIME="1").err
    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in imported.splitlines() if "|" in line
    }
    assert {"muniment", "typer"} <= loaded and loaded.isdisjoint(HEAVY)
    for words in (["init"], ["ask"], ["access", "set"], ["audit", "verify"], ["eval", "run"], ["demo"]):
        shown = command.apart(*words, "--help")
        assert shown.code == 0 and "Example: muniment" in " ".join(shown.out.split()), words


def test_init_twice_makes_one_workspace_and_says_so(tmp_path: Path) -> None:
    command = Command(tmp_path / "twice")
    first, second = command("init", "--json").document, command("init", "--json").document
    assert (first["created"], second["created"]) == (True, False)
    assert first["public_key"] == second["public_key"] == command("keys", "public").out.strip()


def test_answers_and_passages_have_the_public_shape(ready: Command) -> None:
    answer = ready("ask", QUESTION, "--as", "alice", "--json").document
    assert {"id", "status", "answer", "citations", "lineage", "usage", "took_ms"} <= answer.keys()
    assert answer["status"] == "answered" and "300 crowns" in answer["answer"]
    (citation, *_) = answer["citations"]
    assert set(citation) == {"n", "document", "title", "version", "page", "span", "quote", "sensitivity"}
    found = ready("--json", "search", "on-call weekend", "--as", "alice", "-k", "3").document
    assert {"passages", "decision", "took_ms"} <= found.keys()
    assert set(found["passages"][0]) == {
        "document", "title", "version", "chunk", "page", "span", "score", "text", "sensitivity", "twins", "why",
    }  # fmt: skip


def test_someone_else_gets_the_honest_nothing(ready: Command) -> None:
    answer = ready("ask", QUESTION, "--as", "bob")
    assert answer.code == 0 and answer.out.startswith("I found nothing that you may read about this.")
    assert "crowns" not in answer.out + answer.err


def test_an_answer_explains_itself_to_its_owner_only(ready: Command) -> None:
    identifier = ready("ask", QUESTION, "--as", "alice", "--json").document["id"]
    assert "300 crowns" in ready("explain", identifier, "--as", "alice").out
    refused, absent = (
        ready("explain", identifier, "--as", "bob"),
        ready("explain", "ans_nothing", "--as", "bob"),
    )
    assert (refused.code, refused.err, refused.out) == (absent.code, absent.err, absent.out)
    assert refused.code == 1


def test_an_answered_question_leaves_no_refusal_in_the_log(ready: Command) -> None:
    ready("ask", QUESTION, "--as", "alice")
    kinds = [entry["kind"] for entry in ready("audit", "tail", "-n", "50", "--json").document["entries"]]
    assert "answer.finished" in kinds and "answer.refused" not in kinds


def test_access_set_takes_several_principals_and_is_felt_at_once(ready: Command) -> None:
    changed = ready(
        "access",
        "set",
        "papers/engineering",
        "--allow",
        "user:bob",
        "group:sales",
        "--deny",
        "user:alice",
        "--json",
    ).document
    assert len(changed["documents"]) == 2
    shown = ready("access", "show", "papers/engineering/oncall.md", "--json").document["documents"][0]
    assert (shown["allow"], shown["deny"], shown["rule"]) == (
        ["group:sales", "user:bob"],
        ["user:alice"],
        "set by hand",
    )
    assert "300 crowns" in ready("ask", QUESTION, "--as", "bob").out
    assert "300 crowns" not in ready("ask", QUESTION, "--as", "alice").out
    assert ready("access", "clear", "papers/engineering").code == 0
    assert "300 crowns" not in ready("ask", QUESTION, "--as", "bob").out


def test_leaving_a_group_is_felt_by_the_next_question(ready: Command) -> None:
    assert "300 crowns" in ready("ask", QUESTION, "--as", "alice").out
    assert ready("directory", "remove-member", "platform", "alice").code == 0
    assert "300 crowns" not in ready("ask", QUESTION, "--as", "alice").out


def test_ingest_again_changes_nothing_and_a_removed_file_disappears(ready: Command, papers: Path) -> None:
    again = ready("ingest", papers, "--source", "papers", "--json").document
    assert (again["added"], again["changed"], again["removed"], again["unchanged"]) == (0, 0, 0, 5)
    (papers / "engineering" / "oncall.md").unlink()
    planned = ready("ingest", papers, "--source", "papers", "--dry-run", "--json").document
    assert planned["dry_run"] and planned["removed"] == 1
    assert "300 crowns" in ready("ask", QUESTION, "--as", "alice").out
    assert ready("ingest", papers, "--source", "papers").code == 0
    assert "300 crowns" not in ready("ask", QUESTION, "--as", "alice").out


def test_the_log_verifies_and_an_altered_export_does_not(ready: Command, tmp_path: Path) -> None:
    assert ready("audit", "verify", "--json").document["ok"]
    export = tmp_path / "evidence"
    made = ready("audit", "export", export, "--json").document
    kept = tmp_path / "kept.txt"
    kept.write_text(made["checkpoint"])
    assert ready("audit", "verify", "--export", export, "--checkpoint", kept).code == 0
    entries = export / "entries.jsonl"
    content = bytearray(entries.read_bytes())
    content[len(content) // 2] ^= 1
    entries.write_bytes(content)
    broken = ready("audit", "verify", "--export", export, "--json")
    assert broken.code == 1 and any("was altered" in finding for finding in broken.document["findings"])
    assert "altered" in ready("audit", "verify", "--export", export).out


def test_doctor_finds_a_healthy_workspace_healthy(ready: Command) -> None:
    found = ready("doctor", "--json")
    states = {check["name"]: check["state"] for check in found.document["checks"]}
    assert found.code == 0 and found.document["ok"]
    assert states["database"] == states["segments"] == states["log"] == states["isolation"] == "ok"


def test_doctor_names_a_damaged_segment(ready: Command) -> None:
    segment = next((ready.home / "segments").glob("*.segment"))
    segment.write_bytes(segment.read_bytes()[:-1] + b"x")
    found = ready("doctor")
    assert found.code == 1 and "fail segments" in " ".join(found.out.split())


def test_small_commands_answer(ready: Command) -> None:
    assert ready("sources", "list", "--json").document["sources"][0]["documents"] == 5
    assert ready("sources", "show", "papers", "--json").document["formats"]
    assert [user["name"] for user in ready("directory", "list", "--json").document["users"]] == [
        "alice",
        "bob",
    ]
    assert ready("keys", "status", "--json").document["opens"] is True
    assert ready("models", "list", "--json").document["endpoints"][0]["name"] == "quotes"
    token = ready("token", "--as", "alice", "--ttl", "60", "--json").document
    assert token["principal"] == "user:alice" and token["token"].count(".") == 2


def test_text_of_documents_cannot_move_the_terminal(ready: Command, papers: Path) -> None:
    (papers / "all" / "escape.txt").write_text(
        "The zebra\x1b]0;owned\x07 \u202ereads\u202c [bold red]hello[/] :smile:.\n"
    )
    ready("ingest", papers, "--source", "papers")
    shown = ready("search", "zebra", "--as", "alice")
    assert "[bold red]hello[/] :smile:" in shown.out
    assert not any(character in shown.out for character in "\x1b\x07\u202e")


@pytest.mark.parametrize(("nice", "expected"), [("", 5), ("[ingestion]\nnice = 0\n", 0)])
def test_an_ingest_lets_searches_go_first(ready: Command, tmp_path: Path, nice: str, expected: int) -> None:
    with (ready.home / "settings.toml").open("a") as settings:
        settings.write(nice)
    pipe = tmp_path / "bulk"
    pipe.mkdir()
    for number in range(300):
        (pipe / f"note{number}.txt").write_text(f"Note {number} speaks of pumps.\n")
    base = os.getpriority(os.PRIO_PROCESS, 0)
    process = ready.start("ingest", pipe, "--source", "bulk")
    found = base
    while process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            found = max(found, os.getpriority(os.PRIO_PROCESS, process.pid))
        time.sleep(0.005)
    process.communicate()
    assert process.returncode == 0 and found == min(19, base + expected)
