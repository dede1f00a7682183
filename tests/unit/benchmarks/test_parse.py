"""`muniment bench parse` reads a folder of documents and compares what it can."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import likeness, parse
from muniment.foundation.errors import BadInput, NotSetUp

HAS_RAPIDFUZZ = importlib.util.find_spec("rapidfuzz") is not None
needs_rapidfuzz = pytest.mark.skipif(not HAS_RAPIDFUZZ, reason="rapidfuzz (extra `bench`) is not installed")


def test_marks_of_markdown_and_spaces_are_no_characters_of_a_text() -> None:
    marked = (
        "## Ａ *b* &amp; `c_d`\n\n- [x] [e](http://f) ![g](h)\n\n| i | j\\_k |\n| - | :-: |\n| l | |\n\n"
        "```py\nm\n```\n<!-- image -->\n---\n1. n"
    )
    assert likeness.bare(marked) == likeness.bare("A b & c_d\n☒ e g\ni|j_k\nl m 1.n") == "Ab&cd☒egijklm1.n"


@needs_rapidfuzz
def test_what_is_left_out_added_or_moved_counts() -> None:
    assert likeness.likeness("abcd", "abcd") == likeness.likeness("", "") == 1
    assert likeness.likeness("ab", "abcd") == pytest.approx(4 / 6)
    assert likeness.likeness("cdab", "abcd") == 0.5
    assert likeness.likeness("xyz", "abc") == 0


MARKED = st.text("ab #*|[]()\n`-<!>", max_size=20)


@needs_rapidfuzz
@settings(deadline=None, max_examples=50)
@given(MARKED, MARKED)
def test_likeness_is_the_same_both_ways_and_a_share(one: str, other: str) -> None:
    found = likeness.likeness(one, other)
    assert 0 <= found <= 1 and found == likeness.likeness(other, one)
    assert likeness.likeness(one, one) == 1


@pytest.mark.skipif(HAS_RAPIDFUZZ, reason="rapidfuzz is installed")
def test_without_rapidfuzz_it_says_what_to_install() -> None:
    with pytest.raises(NotSetUp, match="rapidfuzz is not installed"):
        likeness.likeness("a", "b")


@needs_rapidfuzz
def test_files_are_read_compared_or_refused_with_their_reason(tmp_path: Path) -> None:
    for name, text in {
        "csv/sources/a.csv": "x,y\n1,2\n",
        "csv/groundtruth/a.csv.md": "| x | y |\n| - | - |\n| 1 | 2 |",
        "md/sources/b.md": "# Head\n\nText",
        "md/sources/none.md": "no reference",
        "md/groundtruth/b.md": "Head Text",
        "pdf/sources/c.pdf": "no PDF",
        "pdf/groundtruth/c.md": "words",
        "docx/groundtruth/d.docx.md": "words",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    result = parse.run({"data": str(tmp_path)}, lambda _: None)
    bars = {bar["what"]: (bar["value"], bar["ok"]) for bar in result["bars"]}  # type: ignore[attr-defined]
    assert bars["crashes"] == bars["hangs"] == (0, True)
    assert bars["refused, each with its reason"] == (1, True)
    assert bars["md: mean F1 over characters"] == (1, True)
    assert bars["pdf: mean F1 over characters"] == (0, False)
    assert [one["why"] for one in result["failures"]] == ["is named .pdf but is text, not a PDF."]  # type: ignore[attr-defined]
    rows = {one["format"]: one for one in result["formats"]}  # type: ignore[attr-defined]
    assert rows["docx"]["mean_f1"] == "not measured"
    assert (rows["md"]["files"], rows["md"]["compared"]) == (2, 1)


def test_a_folder_must_be_named() -> None:
    with pytest.raises(BadInput, match="No folder of documents"):
        parse.run({}, lambda _: None)
