"""A model that was taken out of the settings is told to be gone, and what it answered stays explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command, write_documents
from tests.simulators.openai_server import serving

QUESTION = "When does the canteen open?"
HOUSE = """
[models.house]
base_url = "{url}"
model = "small"
[answers]
model = "house"
"""


@pytest.fixture
def answered(tmp_path: Path) -> tuple[Command, str]:
    """A workspace whose model answered once, and the id of that answer."""
    with serving() as server:
        command = Command(tmp_path / "home", WORDS_ALONE + HOUSE.format(url=server.url)).with_people()
        write_documents(tmp_path / "documents")
        assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
        answer = command("ask", QUESTION, "--as", "alice", "--json").document
    assert answer["lineage"]["model"] == "house:small"
    return command, answer["id"]


def test_who_names_it_is_told_which_there_are_and_its_answers_stay_explained(
    answered: tuple[Command, str],
) -> None:
    command, answer = answered
    (command.home / "settings.toml").write_text(WORDS_ALONE)
    ran = command("ask", QUESTION, "--as", "alice", "--model", "house")
    assert ran.code == 2 and "No model named 'house'" in ran.line and "Known: quotes" in ran.line
    explained = command("explain", answer)
    assert explained.code == 0 and "house:small" in explained.out


def test_settings_that_still_name_it_are_an_error_that_says_where(answered: tuple[Command, str]) -> None:
    command, _ = answered
    (command.home / "settings.toml").write_text(f'{WORDS_ALONE}[answers]\nmodel = "house"\n')
    ran = command("ask", QUESTION, "--as", "alice")
    assert ran.code == 2 and "answers.model is 'house', and there is no [models.house]" in ran.line
