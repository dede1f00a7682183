"""`muniment sensitive check` says what is found in a text and what would be done about it, and tells no value."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journeys.command import Command

TEXT = "Pay with 4111 1111 1111 1111, password: Winter-2024!x, ask ann@example.org."
SETTINGS = """
[models.house]
base_url = "http://127.0.0.1:9/v1"
model = "m"
sensitive = { card = "allow" }
[models.hosted]
base_url = "https://models.example/v1"
model = "m"
[sensitive.prompts]
email = "block"
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "home", SETTINGS)


def test_each_value_is_told_with_what_every_endpoint_and_an_answer_do(command: Command) -> None:
    ran = command("--json", "sensitive", "check", TEXT)
    assert ran.code == 0
    assert ran.document["masked"] == "Pay with **** 1111, password: [key or password], ask a***@example.org."
    card, secret, mail = ran.document["found"]
    assert (card["class"], card["what"], card["span"]) == ("card", "Visa", [9, 28])
    assert card["done"] == {
        "to quotes": "allow",
        "to house": "allow",
        "to hosted": "redact",
        "in answers": "allow",
    }
    assert secret["done"] == {
        "to quotes": "allow",
        "to house": "redact",
        "to hosted": "redact",
        "in answers": "redact",
    }
    assert mail["done"] == {
        "to quotes": "allow",
        "to house": "block",
        "to hosted": "block",
        "in answers": "allow",
    }
    shown = command("sensitive", "check", TEXT)
    for value in ("4111 1111", "Winter-2024", "ann@"):
        assert value not in str(ran.document) and value not in shown.out


def test_a_text_without_any_says_so(command: Command) -> None:
    assert "Nothing was recognised." in command("sensitive", "check", "The canteen opens at eight.").out


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('[sensitive.prompts]\ncard = "hide"', "sensitive.prompts.card"),
        ('[sensitive.answers]\ncards = "redact"', "unknown setting sensitive.answers.cards"),
        (
            '[models.x]\nbase_url = "http://127.0.0.1/v1"\nmodel = "m"\nsensitive = { card = "no" }',
            "models.x.sensitive.card",
        ),
    ],
)
def test_a_wrong_setting_is_one_clear_line(tmp_path: Path, setting: str, said: str) -> None:
    ran = Command(tmp_path / "home", setting)("sensitive", "check", "x")
    assert ran.code == 2 and said in ran.line
