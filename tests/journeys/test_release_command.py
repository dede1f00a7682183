"""`muniment release`: from edited files to a release in force, and back when it goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import DIRECTORY, WORDS_ALONE, Command, write_documents

QUESTION = "When does the canteen open?"
CASE = {
    "id": "c1",
    "asker": "alice",
    "question": QUESTION,
    "relevant": ["all/canteen.txt"],
    "facts": ["eight"],
}
TARGETS = "[targets]\nall_facts = 1.0\n"
FRONT = "name: mine\npurpose: answer\ninputs: question text, passages passages\noutput: claims"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """A workspace with a suite of its own."""
    made = Command(tmp_path / "home").with_people(DIRECTORY)
    write_documents(tmp_path / "documents")
    assert made("ingest", tmp_path / "documents", "--source", "acme").code == 0
    write_suite(made, CASE)
    return made


def write_suite(command: Command, *cases: dict[str, object]) -> None:
    folder = command.home / "evals" / "canteen"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "suite.toml").write_text(f'name = "canteen"\n{TARGETS}')
    (folder / "cases.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in cases))


def go_out(command: Command, name: str) -> None:
    assert command("release", "build", "--name", name).code == 0
    assert command("release", "check", name).code == 0
    assert command("release", "promote", name, "--reason", "Checked").code == 0


def prompt_in_use(command: Command) -> str:
    return command("--json", "ask", QUESTION, "--as", "alice").document["lineage"]["prompt"]


def test_edited_files_become_a_release_that_is_checked_promoted_and_rolled_back(command: Command) -> None:
    go_out(command, "winter")
    before = prompt_in_use(command)
    (command.home / "prompts").mkdir()
    (command.home / "prompts" / "mine.md").write_text(f"---\n{FRONT}\n---\nBe brief.\n")
    (command.home / "settings.toml").write_text(f"{WORDS_ALONE}[answers]\npassages = 5\n")

    built = command("--json", "release", "build", "--name", "spring", "--reason", "Shorter").document
    assert built["prompts"]["answer"].startswith("mine@")
    found = command("--json", "release", "diff", "spring").document
    assert found["from"] == "winter"
    changes = {(one["component"], one["name"]): (one["before"], one["after"]) for one in found["changes"]}
    assert changes["prompts", "answer.prompt"] == (before, built["prompts"]["answer"])
    assert changes["retrieval", "passages"] == ("8", "5")
    assert {component for component, _ in changes} == {"prompts", "retrieval", "answers"}

    early = command("release", "promote", "spring", "--reason", "Now")
    assert early.code == 1 and "canteen was not run on this release" in early.line
    assert "muniment release check spring" in early.line
    verdict = command("--json", "release", "check", "spring").document
    assert verdict["ok"] and verdict["suites"] == ["canteen"]
    assert prompt_in_use(command) == before
    assert command("release", "promote", "spring", "--reason", "Checked").out.startswith(
        "spring is in force."
    )
    assert prompt_in_use(command) == built["prompts"]["answer"]

    back = command("--json", "release", "rollback", "--reason", "Too short").document
    assert (back["left"], back["to"]) == ("spring", "winter")
    assert back["put_back"] == [f"prompt {before} for answer"] and prompt_in_use(command) == before
    assert {one["component"] for one in back["differing"]} == {"retrieval", "answers"}
    listed = command("--json", "release", "list").document["releases"]
    assert [(one["name"], one["stage"]) for one in listed] == [
        ("spring", "rolled back"),
        ("winter", "in force"),
    ]
    stages = command("--json", "release", "show", "spring").document["stages"]
    assert [one["stage"] for one in stages] == ["built", "checked", "promoted", "rolled_back"]


def test_settings_are_written_back_only_where_that_is_asked_for(command: Command) -> None:
    go_out(command, "winter")
    changed = f"{WORDS_ALONE}[answers]\npassages = 5\n"
    (command.home / "settings.toml").write_text(changed)
    go_out(command, "spring")
    said = command("release", "rollback", "--reason", "Worse", "--write-settings").out
    assert "settings.toml is as built" in said and "against what lies here now" not in said
    assert (command.home / "settings.toml").read_text() == WORDS_ALONE
    assert (command.home / "settings.toml.spring.1").read_text() == changed


def test_a_check_says_what_stops_a_release_and_a_second_person_may_let_it_pass(command: Command) -> None:
    go_out(command, "winter")
    write_suite(command, CASE, {**CASE, "id": "c2", "facts": ["midnight"]})
    (command.home / "approvals.toml").write_text("# mine\n")
    command("release", "build", "--name", "spring")
    stopped = command("release", "check", "spring")
    assert stopped.code == 1 and "STOPS canteen:all_facts" in stopped.out
    refused = command("release", "promote", "spring", "--reason", "Now")
    assert refused.code == 1 and "Changed: policy, suites" in refused.line

    waive = ("release", "waive", "spring", "canteen:all_facts", "--reason", "Known", "--as", "bob")
    assert command(*waive).code == 3
    assert command("role", "grant", "approver", "bob", "--reason", "Decides").code == 0
    assert command(*waive, "--asked-by", "bob").code == 1
    assert "is let pass until" in command(*waive).out
    assert command("release", "promote", "spring", "--reason", "Let pass").code == 0
    log = command("audit", "tail", "-n", "200").out
    for kind in ("built", "checked", "promoted", "refused", "waived"):
        assert f"release.{kind}" in log


def test_a_canary_is_begun_shown_and_ended(command: Command) -> None:
    go_out(command, "winter")
    (command.home / "prompts").mkdir()
    (command.home / "prompts" / "mine.md").write_text(f"---\n{FRONT}\n---\nBe brief.\n")
    command("release", "build", "--name", "spring")
    command("release", "check", "spring")
    assert command("--json", "release", "canary").document == {"running": None}
    begun = command("release", "promote", "spring", "--reason", "Some first", "--canary", "50")
    assert "spring answers 50 % of people" in begun.out
    shown = command("--json", "release", "canary").document
    assert (shown["running"]["release"], shown["running"]["share"]) == ("spring", 50)
    assert "not useful" in command("release", "canary").out
    ended = command("release", "rollback", "--reason", "Enough")
    assert "The canary of spring has ended" in ended.out
    assert command("release", "rollback", "--reason", "More").code == 1
