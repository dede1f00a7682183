"""A damaged index through the real command: named, said to readers, mended; nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents

from muniment.knowledge.retrieval.retrieve import INCOMPLETE

QUESTION = "How much is the on-call engineer paid for each weekend?"


@pytest.fixture
def ready(tmp_path: Path) -> Command:
    command = Command(tmp_path / "home").with_people()
    write_documents(tmp_path / "documents")
    assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
    return command


def the_segment(command: Command) -> Path:
    (found,) = (command.home / "segments").glob("*.segment")
    return found


def test_a_sound_index_is_said_to_be_sound(ready: Command) -> None:
    ran = ready("index", "check")
    assert ran.code == 0 and "1 segments with 5 rows: every byte is as it was written." in ran.out
    assert ready("index", "check", "--json").document["ok"] is True
    assert ready("index", "repair", "--json").document["documents"] == 0


def test_damage_is_named_to_the_operator_said_to_readers_and_mended(ready: Command) -> None:
    file = the_segment(ready)
    file.write_bytes(file.read_bytes()[:-1])
    searched = ready.apart("search", "on-call", "--as", "alice", "--json")
    assert searched.code == 0 and searched.document["passages"] == []
    assert INCOMPLETE in searched.document["decision"]["notes"]
    assert file.stem in searched.err and "muniment index repair" in searched.err
    assert INCOMPLETE in ready("ask", QUESTION, "--as", "alice").out

    checked = ready("index", "check", "--json")
    assert checked.code == 1
    assert checked.document == {
        "ok": False,
        "segments": [
            {
                "segment": file.stem,
                "rows": 5,
                "state": "damaged",
                "problem": f"Index segment {file.stem} was altered.",
            }
        ],
    }
    doctor = ready("doctor")
    assert doctor.code == 1 and file.stem in doctor.out and "muniment index repair" in doctor.out

    would = ready("index", "repair", "--dry-run", "--json").document
    assert would["dry_run"] and would["damaged"][0]["segment"] == file.stem and file.exists()
    done = ready("index", "repair")
    assert done.code == 0 and "5 documents were indexed again" in done.out
    assert "300 crowns" in ready("ask", QUESTION, "--as", "alice").out
    assert INCOMPLETE not in ready("ask", QUESTION, "--as", "alice").out
    assert [path.stem for path in (ready.home / "quarantine").iterdir()] == [file.stem]
    healthy = ready("doctor")
    assert healthy.code == 0 and "quarantine" in healthy.out
    assert ready("index", "check").code == 0 and ready("audit", "verify").code == 0


def test_help_and_usage_of_the_group(ready: Command) -> None:
    assert "muniment index check" in ready("index", "check", "--help").out
    assert ready("index", "mend").code == 2
