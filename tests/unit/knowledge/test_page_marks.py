"""What is marked on the image of a page is what is quoted, letter for letter, or nothing is marked."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marked import letters_inside
from tests.set_pages import Setting, drawn, set_page, with_ligature

from muniment.knowledge.ingestion.parse.pdf import read_pdf
from muniment.knowledge.ingestion.parsed import Parsed
from muniment.knowledge.pages import page_child
from muniment.knowledge.pages.page_images import Box

_TEXT = (
    "heron tarn crowns weekend engineer calibration of the a on-call availability e-mail 12.50 % naïve façade "
    "Überlegung representative shall before notwithstanding paragraph (see §4) office-wide to 2026-03-01"
)
WORDS = tuple(_TEXT.split())
SETTINGS = st.builds(
    Setting,
    columns=st.integers(1, 3),
    rotation=st.sampled_from((0, 90, 180, 270)),
    cropped=st.booleans(),
    size=st.integers(7, 11),
    table=st.booleans(),
)


def parsed(content: bytes) -> tuple[Parsed, str]:
    made = read_pdf("a.pdf", content)
    return made, made.text[made.units[0].start : made.units[0].end]


def marked(content: bytes, stored: str, start: int, end: int) -> list[Box] | None:
    order = json.dumps({"page": 1, "start": start, "end": end}).encode()
    found = json.loads(page_child.handle((order, content, stored.encode())))["marks"]
    if found is None:
        return None
    return [Box(left, top, right - left, bottom - top) for left, top, right, bottom in found]


def letters(text: str) -> str:
    """Return a quote as its page has it: without spaces, and without the marks that tables are written with."""
    return "".join(word for word in text.split() if word != "|")


def check(words: list[str], how: Setting, quotes: int, seed: int) -> int:
    content = set_page(words, how)
    _, stored = parsed(content)
    if how.table and ": " in stored:
        return quotes  # the lines of a long table name its columns again, which stand on the page once
    chance = random.Random(seed)
    bounds = [at for at in range(len(stored) + 1) if at in (0, len(stored)) or stored[at].isspace()]
    for _ in range(quotes):
        start, end = sorted(chance.sample(bounds, 2))
        quote = stored[start:end]
        found = marked(content, stored, start, end)
        if not letters(quote):
            continue
        assert found is not None, quote
        shown = letters_inside(content, 1, found)
        # A hyphen that cuts a word is no part of the quote, and is not marked.
        assert shown == letters(quote), (how, quote, shown)
    return quotes


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=9, max_size=120), SETTINGS, st.integers(0, 9))
def test_the_marked_letters_are_the_quoted_ones_however_the_page_is_set(
    words: list[str], how: Setting, seed: int
) -> None:
    check(words, how, 4, seed)


@pytest.mark.prove
def test_the_marked_letters_are_the_quoted_ones_a_thousand_times() -> None:
    chance = random.Random(7)
    quotes = 0
    while quotes < 1000:
        how = Setting(
            chance.randint(1, 3),
            chance.choice((0, 90, 180, 270)),
            chance.random() < 0.5,
            chance.randint(7, 11),
        )
        quotes += check(chance.choices(WORDS, k=chance.randint(9, 150)), how, 10, quotes)
    print(f"{quotes} quotes, all marked letter for letter")


@pytest.mark.parametrize("quote", ["office", "sufficient number", "Every office is open"])
def test_a_ligature_is_marked_with_the_letters_that_it_stands_for(quote: str) -> None:
    content = with_ligature()
    _, stored = parsed(content)
    start = stored.index(quote)
    found = marked(content, stored, start, start + len(quote))
    assert found is not None
    assert letters_inside(content, 1, found) == letters(quote)


def test_a_long_table_marks_the_column_and_the_cell_that_a_line_names() -> None:
    rows = [["Product", "Price", "Stock"], *([f"Item{n}", str(100 + n), str(70 + n)] for n in range(1, 16))]
    content = set_page([cell for row in rows for cell in row], Setting(table=True))
    _, stored = parsed(content)
    start = stored.index("Price: 103")
    found = marked(content, stored, start, start + len("Price: 103"))
    assert found is not None
    assert letters_inside(content, 1, found) == "Price103"


def test_text_that_is_not_of_this_page_marks_nothing() -> None:
    content = set_page(["The", "tarn", "costs", "800", "crowns."], Setting())
    _, stored = parsed(content)
    assert marked(content, stored, 0, 8)
    for other in (stored.replace("800", "900"), stored + " More.", stored[1:], ""):
        assert marked(content, other, 0, 8) is None


def test_words_outside_the_page_that_is_shown_mark_nothing() -> None:
    content = drawn("BT /F 12 Tf 40 200 Td (Seen here.) Tj 0 400 Td (Beside it.) Tj ET")
    _, stored = parsed(content)
    seen, beside = (stored.index(one) for one in ("Seen", "Beside"))
    assert marked(content, stored, seen, seen + 10)
    assert marked(content, stored, beside, beside + 10) is None


def test_a_line_is_one_mark_and_a_word_on_the_next_line_another() -> None:
    content = drawn("BT /F 12 Tf 14 TL 40 200 Td (First line of it and) Tj T* (second) Tj ET")
    _, stored = parsed(content)
    found = marked(content, stored, 0, len(stored))
    assert found is not None
    assert len(found) == 2
    assert found[0].width > 2 * found[1].width > 0
