"""Monitoring from the command line: what a quality lead and two reviewers type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents

PEOPLE = """
[users.alice]
groups = ["engineering"]
[users.bob]
groups = ["sales"]
[users.carol]
groups = ["engineering"]
[users.dave]
groups = ["engineering"]
[groups.engineering]
[groups.sales]
"""
ONCALL = "How much is the on-call engineer paid for each weekend?"
CANTEEN = "When does the canteen open?"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    base = tmp_path_factory.mktemp("monitor")
    made = Command(base / "home").with_people(PEOPLE)
    write_documents(base / "documents")
    assert made("ingest", base / "documents", "--source", "papers").code == 0
    for name in ("bob", "carol", "dave"):
        assert made("role", "grant", "evaluator", name, "--reason", "They review").code == 0
    return made


@pytest.fixture(scope="module")
def answer(command: Command) -> str:
    command("ask", CANTEEN, "--as", "alice")
    made = command("ask", ONCALL, "--as", "alice", "--json").document["id"]
    assert command("feedback", "give", made, "--not-useful", "--reason", "walnut words").code == 0
    return made


@pytest.fixture(scope="module")
def drawn(command: Command, answer: str) -> str:
    made = command("monitor", "sample", "--size", "10", "--reason", "First week", "--json").document
    assert made["size"] == 2 and answer
    return made["set"]


def reviewed(command: Command, drawn: str, name: str, verdict: str, *more: str) -> int:
    count = 0
    while (
        item := command("monitor", "review", drawn, "--as", name, *more, "--json").document["next"]
    ) is not None:
        said = command("monitor", "label", item["item"], "--as", name, "--verdict", verdict, *more)
        assert said.code == 0, said.err
        count += 1
    return count


def test_two_review_a_third_settles_and_the_lead_reads_what_it_comes_to(command: Command, drawn: str) -> None:
    shown = command("monitor", "review", drawn, "--as", "carol").out
    assert "--verdict VERDICT" in shown and "2 wait for you" in shown and "alice" not in shown
    assert reviewed(command, drawn, "carol", "right") == 2
    assert reviewed(command, drawn, "bob", "right") == 1
    assert reviewed(command, drawn, "dave", "wrong") == 1
    assert command("monitor", "review", drawn, "--as", "carol").out == "Nothing waits for you here.\n"
    found = command("monitor", "agreement", drawn, "--json").document
    assert (found["by_two"], len(found["disputed"]), found["raw"]["value"]) == (2, 1, 0.5)
    assert found["disputed"][0] in command("monitor", "agreement", drawn).out
    assert reviewed(command, drawn, "bob", "partly", "--settle") == 0
    told = command("monitor", "quality", drawn)
    assert "4 labels of 2 answers out of 2" in told.out and "self-selected" in told.out
    quality = command("monitor", "quality", drawn, "--json").document
    assert quality["shares"]["right"]["value"] == 0.75 and quality["feedback"]["naive"]["value"] == 0.0


def test_who_may_not_review_is_denied_and_what_is_not_there_is_said(command: Command, drawn: str) -> None:
    assert command("monitor", "review", drawn, "--as", "alice").code == 3
    assert command("monitor", "sample", "--size", "9", "--reason", "x", "--by", "alice").code == 3
    assert command("monitor", "review", "set_none", "--as", "carol").code == 1
    assert command("monitor", "label", "rev_none", "--as", "carol", "--verdict", "right").code == 1
    assert command("monitor", "label", "rev_none", "--as", "carol", "--verdict", "superb").code == 2
    assert "--size" in command("monitor", "sample", "--reason", "x").line


def test_status_shows_figures_and_no_text(command: Command, answer: str) -> None:
    shown = command("monitor", "status")
    found = command("monitor", "status", "--since", "24h", "--json")
    assert "abstained" in shown.out and "papers" in shown.out and "latency p95" in shown.out
    names = [one["name"] for one in found.document["figures"]]
    assert names[:2] == ["answers", "abstained"] and "outcomes resolved" in names
    for word in ("walnut", "canteen", "on-call", "alice", answer):
        assert word not in shown.out + found.out


def test_sources_and_outcomes_are_told(command: Command, answer: str) -> None:
    [source] = command("monitor", "freshness", "--older-than", "90d", "--json").document["sources"]
    assert (source["source"], source["old"], source["failed_files"]) == ("papers", 0, 0)
    assert "papers" in command("monitor", "freshness").out
    assert command("monitor", "outcome", answer, "--result", "resolved", "--by", "bob").code == 1
    assert command("monitor", "outcome", answer, "--result", "resolved", "--by", "alice").code == 0
    [group] = command("monitor", "outcomes", "--json").document["outcomes"]
    assert (group["kind"], group["reported"]) == ("answer", {"resolved": 1})
    assert "1 resolved" in command("monitor", "outcomes").out
    assert command("monitor", "drift").code == 2


def test_a_finding_becomes_a_case_in_one_command(command: Command, answer: str) -> None:
    assert command("monitor", "case", answer, "--suite", "support", "--as", "bob").code == 1
    made = command("monitor", "case", answer, "--suite", "support", "--as", "alice", "--json").document
    [line] = Path(made["file"]).read_text().splitlines()
    case = json.loads(line)
    assert (case["asker"], case["question"], case["source"]) == ("alice", ONCALL, answer)
    assert case["relevant"] == ["engineering/oncall.md"]
    assert command("monitor", "case", answer, "--suite", "support", "--as", "alice").code == 1
