"""`muniment tune`: from a file of cases to settings in use, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import Command

PARTS = [f"{first}{second}" for first in ("valve", "rotor", "crank", "screw", "wedge") for second in "abcde"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A workspace where the right document has the word in its title and the wrong one in its text, five times."""
    base = tmp_path_factory.mktemp("made")
    folder = base / "documents"
    folder.mkdir()
    (folder / "access.toml").write_text('allow = ["group:engineering"]\n')
    for at, part in enumerate(PARTS):
        (folder / f"{part}.md").write_text(f"# About {part}\n\nWhere it sits and how it is mended by hand.\n")
        text = f"Orders: {part}, more {part}, half a {part}, {part} by weight, {part}."
        (folder / f"orders-{at}.txt").write_text(f"Order book {at}\n\n{text}\n")
    lines = [
        {"id": part, "question": f"Tell me of {part}", "asker": "alice", "relevant": [f"{part}.md"]}
        for part in PARTS
    ]
    (base / "cases.jsonl").write_text("\n".join(map(json.dumps, lines)))
    command = Command(base / "home").with_people()
    assert command("ingest", folder, "--source", "papers").code == 0
    return command


@pytest.fixture
def ready(made: Command, tmp_path: Path) -> Command:
    (tmp_path / "cases.jsonl").write_bytes((made.home.parent / "cases.jsonl").read_bytes())
    return made.copy(tmp_path / "home")


def test_what_was_learned_is_shown_then_applied_and_taken_back(ready: Command, tmp_path: Path) -> None:
    suite = tmp_path / "cases.jsonl"
    shown = ready("tune", "--reason", "for the test", "--suite", suite)
    assert shown.code == 0 and "title" in shown.out and "--apply" in shown.out
    assert ready("tune", "list", "--json").document["in_use"] == 0
    before = ready("search", "valvea", "--as", "alice", "--json").document["passages"]
    applied = ready("tune", "--reason", "for the test", "--suite", suite, "--apply", "--json")
    found = applied.document
    assert applied.code == 0 and found["proven"] and found["applied"] == 1
    assert found["figures"]["ndcg@10_after"] > found["figures"]["ndcg@10_before"] + 0.1
    after = ready("search", "valvea", "--as", "alice", "--json").document["passages"]
    assert before[0]["title"] != after[0]["title"] == "About valvea"
    listed = ready("tune", "list", "--json").document
    assert listed["in_use"] == 1 and listed["versions"][1]["suite_digest"] == found["suite_digest"]
    assert "1 in use" in ready("tune", "list").out
    assert ready("tune", "use", "0").code == 0
    assert ready("search", "valvea", "--as", "alice", "--json").document["passages"] == before
    kinds = ready("audit", "tail", "-n", "5000", "--json").document["entries"]
    assert [e["kind"] for e in kinds if e["kind"].startswith("ranking.")] == [
        "ranking.made",
        "ranking.used",
        "ranking.used",
    ]


def test_what_is_not_proven_is_not_applied(ready: Command, tmp_path: Path) -> None:
    suite = tmp_path / "cases.jsonl"
    assert ready("tune", "--reason", "for the test", "--suite", suite, "--apply").code == 0
    again = ready("tune", "--reason", "for the test", "--suite", suite, "--apply")
    assert again.code == 1 and "Nothing was changed" in again.out
    assert [v["number"] for v in ready("tune", "list", "--json").document["versions"]] == [0, 1]


def test_bad_input_names_the_thing_and_the_fix(ready: Command, tmp_path: Path) -> None:
    suite = tmp_path / "cases.jsonl"
    none = ready("tune")
    assert none.code == 2 and "--suite" in none.line
    nowhere = ready("tune", "--reason", "for the test", "--suite", "nowhere")
    assert nowhere.code != 0 and "nowhere" in nowhere.line
    unknown = ready("tune", "--reason", "for the test", "--suite", suite, "--as", "alcie")
    assert unknown.code == 2 and "alcie" in unknown.line and "alice" in unknown.line
    (tmp_path / "broken.jsonl").write_text('{"id": "a", "asker"')
    broken = ready("tune", "--reason", "for the test", "--suite", tmp_path / "broken.jsonl")
    assert broken.code == 2 and "broken.jsonl:1" in broken.line
    few = "\n".join(suite.read_text().splitlines()[:5])
    (tmp_path / "few.jsonl").write_text(few)
    assert (
        "tuning needs 20" in ready("tune", "--reason", "for the test", "--suite", tmp_path / "few.jsonl").line
    )
    gone = ready("tune", "use", "9")
    assert gone.code == 2 and "muniment tune list" in gone.line
    assert ready("tune", "use", "x").code == 2
    assert ready("tune", "list", "--json").document["in_use"] == 0
