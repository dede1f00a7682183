"""What reaches a terminal, and how the words on the line are read."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.errors import BadInput
from muniment.interfaces.cli import failures
from muniment.interfaces.cli.bench import options
from muniment.interfaces.cli.main import arranged
from muniment.interfaces.cli.render import shortened
from muniment.interfaces.cli.terminal import Terminal, visible


@given(st.text())
def test_no_control_or_direction_character_passes(text: str) -> None:
    shown = visible(text)
    assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in shown)
    assert not any(
        c in shown for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200f\ufeff"
    )


def test_what_is_harmless_stays_as_it_is() -> None:
    text = "Zürich, 日本語 и emoji 🎈\n\ttab"
    assert visible(text) == text
    assert visible("a\x1b[31mb") == "a<U+001B>[31mb"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["ask", "q", "--json", "--as", "a"], ["--json", "ask", "q", "--as", "a"]),
        (["ask", "q", "--home", "/h"], ["--home", "/h", "ask", "q"]),
        (["ask", "--home=/h", "q"], ["--home=/h", "ask", "q"]),
        (["ask", "--", "--json"], ["ask", "--", "--json"]),
        (
            ["access", "set", "d", "--allow", "a", "b", "--deny", "c", "--sensitivity", "x"],
            ["access", "set", "d", "--allow", "a", "--allow", "b", "--deny", "c", "--sensitivity", "x"],
        ),
        (["access", "show", "d"], ["access", "show", "d"]),
    ],
)
def test_global_options_may_stand_anywhere(given: list[str], read: list[str]) -> None:
    assert arranged(given) == read


def test_benchmark_options_become_a_mapping() -> None:
    assert options(["--beir", "F", "--all-splits", "--k=5"]) == {"beir": "F", "all_splits": True, "k": "5"}
    with pytest.raises(BadInput):
        options(["folder"])


def test_an_error_line_ends_its_sentence_before_the_fix() -> None:
    assert failures.line("No such thing", "Do that.") == "muniment: No such thing. Do that."
    assert failures.line("No such\nthing.", "") == "muniment: No such thing."


def test_a_full_disk_is_one_line_with_its_fix(capsys: pytest.CaptureFixture[str]) -> None:
    code = failures.report(Terminal(), OSError(errno.ENOSPC, "No space left on device", "/big/file"))
    assert code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "/big/file" in said and "Free some disk space" in said


def test_long_text_is_cut_at_a_word() -> None:
    assert shortened("one two  three\nfour", 13) == "one two …"
    assert shortened("one two", 13) == "one two"
