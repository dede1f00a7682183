"""Texts that try to look like others: each character is shown, and what could be mistaken is named."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.lookalikes import remarks
from muniment.actions.visible import pieces, read_back, spelled

HOSTILE = (
    "ab \u0336\u0301\u00a0\u00ad\u034f\u115f\u200b\u200d\u202e\u2066\u2800\u3164\ufe0f\ufeff\ue000"
    "\U000e0041\U000e0100\t\r\n\0"
)
PARTS = [*HOSTILE, "[", "[U+202E]", "[U+", "]", "\u21b5"]
TEXTS = st.lists(st.one_of(st.sampled_from(PARTS), st.characters()), max_size=40).map("".join)


def shown(text: str) -> str:
    return spelled(pieces(text))


@given(TEXTS)
def test_what_is_shown_can_be_read_back(text: str) -> None:
    assert read_back(shown(text)) == text


@given(TEXTS, TEXTS)
def test_two_texts_are_never_shown_alike(one: str, other: str) -> None:
    assert (shown(one) == shown(other)) == (one == other)
    assert (shown(shown(one)) == shown(one)) == (shown(one) == one)


@given(TEXTS)
def test_nothing_that_is_shown_hides_or_moves_anything(text: str) -> None:
    for one in shown(text):
        assert unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        assert unicodedata.bidirectional(one) not in {
            "RLO",
            "LRO",
            "RLE",
            "LRE",
            "PDF",
            "RLI",
            "LRI",
            "FSI",
            "PDI",
        }


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("pay\u202e001", "pay[U+202E]001"),
        ("bob\u200b@acme.example", "bob[U+200B]@acme.example"),
        ("two  spaces ", "two[U+0020][U+0020]spaces[U+0020]"),
        ("a\tb\r\nc", "a[U+0009]b[U+000D]↵c"),
        ("[U+202E]", "[U+005B]U+202E]"),
        ("a ↵ b", "a [U+21B5] b"),
        ("1\u03360\u0336", "1[U+0336]0[U+0336]"),
        ("e\u0301 n\u0303", "e\u0301 n\u0303"),
        ("e\u0301\u0301\u0301", "e\u0301\u0301[U+0301]"),
        ("naïve café, [plain] — €20", "naïve café, [plain] — €20"),
    ],
)
def test_a_text_is_shown_so(text: str, seen: str) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("p\u0430ypal", {("mixed", "CYRILLIC + LATIN"), ("lookalike", "a (U+0430 CYRILLIC SMALL LETTER A)")}),
        ("\u0441\u043e\u0441\u043e", {("lookalike", "coco")}),
        ("bob@ex\u0430mple.com", {("domain", "xn--exmple-4nf.com")}),
        ("see https://b\u00fccher.example/x", {("domain", "xn--bcher-kva.example")}),
        ("bob@xn--exmple-4nf.com", {("domain", "xn--exmple-4nf.com")}),
        ("\uff11\uff10", {("lookalike", "1 (U+FF11 FULLWIDTH DIGIT ONE)")}),
        ("\u0661", {("lookalike", "1 (U+0661 ARABIC-INDIC DIGIT ONE)")}),
        ("a\u202eb\u202ec", {("hidden", "RIGHT-TO-LEFT OVERRIDE (2)")}),
        ("\u05e9\u05dc\u05d5\u05dd", {("backwards", "")}),
    ],
)
def test_what_could_be_missed_is_named(text: str, named: set[tuple[str, str]]) -> None:
    assert named <= {(one.kind, one.means) for one in remarks(text)}


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "Größe, naïve — “quoted”",
        "\u043c\u043e\u0441\u043a\u0432\u0430",
        "東京タワー",
        "한국어",
    ],
)
def test_ordinary_writing_raises_no_remark(text: str) -> None:
    assert remarks(text) == ()


def test_where_a_name_has_to_be_exact_every_foreign_letter_is_named() -> None:
    assert [one.means for one in remarks("Größe", exact=True)] == [
        "U+00F6 LATIN SMALL LETTER O WITH DIAERESIS",
        "U+00DF LATIN SMALL LETTER SHARP S",
    ]
    assert remarks("a\u2010b", exact=True) and not remarks("a\u2010b")


@given(TEXTS)
def test_remarks_are_ascii_and_never_fail(text: str) -> None:
    assert all(one.means.isascii() for exact in (False, True) for one in remarks(text, exact))
