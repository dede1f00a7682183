"""What is quoted from a stored passage of a PDF is what stands under its marks, however the page is set.

`MUNIMENT_TEST_PDFS` names folders with PDF files of your own for the proof at full size.
"""

from __future__ import annotations

import json
import os
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import pdf_layouts
from tests.marked import letters_inside
from tests.set_pages import Setting, from_the_right, set_page

from muniment.knowledge.ingestion.chunk import chunks
from muniment.knowledge.ingestion.parse.normal import normal
from muniment.knowledge.ingestion.parse.pdf import read_pdf
from muniment.knowledge.ingestion.parse.pdf_bidi import RIGHT_TO_LEFT
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.pages import page_child
from muniment.knowledge.pages.page_images import Box

LAYOUTS = {
    "columns": pdf_layouts.in_columns(),
    "a drawn table": pdf_layouts.with_table(),
    "turned to the left": pdf_layouts.turned(1),
    "upside down": pdf_layouts.turned(2),
    "turned to the right": pdf_layouts.turned(3),
    "a turned page": set_page(["Herons", "nest", "near", "the", "tarn"], Setting(rotation=90)),
    "from the right": from_the_right(["الإنتاجية في البلاد 2026", "هذا Python هو R لغة"], left="דוח"),
}


def quotes(parsed: Parsed, chance: random.Random, most: int) -> Iterator[tuple[int, str, int, int]]:
    """Yield page, its stored text, and from where to where a quote of whole words runs in one chunk of it."""
    spans = chunks(parsed)
    for span in chance.sample(spans, min(len(spans), most)):
        unit = next(one for one in parsed.units if one.number == span.page)
        edges = [span.start, span.end]
        bounds = [at for at in range(span.start, span.end + 1) if at in edges or parsed.text[at].isspace()]
        start, end = sorted(chance.sample(bounds, 2))
        if parsed.text[start:end].strip():
            yield unit.number, parsed.text[unit.start : unit.end], start - unit.start, end - unit.start


def under_the_marks(content: bytes, page: int, stored: str, start: int, end: int) -> str | None:
    """Return what stands under the marks of a quote; None where nothing is marked."""
    order = json.dumps({"page": page, "start": start, "end": end}).encode()
    found = json.loads(page_child.handle((order, content, stored.encode())))["marks"]
    if found is None:
        return None
    boxes = [Box(left, top, right - left, bottom - top) for left, top, right, bottom in found]
    return normal(letters_inside(content, page, boxes))[0]


def agrees(quote: str, shown: str) -> bool:
    """Return whether a quote is what was shown; a line from the right is compared letter by letter, in any order."""
    written = unicodedata.normalize("NFC", "".join(word for word in quote.split() if word != "|"))
    if RIGHT_TO_LEFT.search(quote):
        return sorted(written) == sorted(shown)
    return written == shown


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_quote_stands_under_its_marks(name: str) -> None:
    content = LAYOUTS[name]
    parsed = read_pdf("a.pdf", content)
    chance = random.Random(3)
    checked = 0
    for page, stored, start, end in (one for _ in range(12) for one in quotes(parsed, chance, 3)):
        shown = under_the_marks(content, page, stored, start, end)
        assert shown is not None, stored[start:end]
        assert agrees(stored[start:end], shown), (stored[start:end], shown)
        checked += 1
    assert checked >= 5


def test_a_mark_that_ends_amid_words_of_the_other_way_leaves_out_the_word_between() -> None:
    content = from_the_right(["דוח I a כאן"])
    stored = read_pdf("a.pdf", content).text
    shown = under_the_marks(content, 1, stored, 0, stored.index(" a"))
    assert shown is not None and sorted(shown) == sorted("דוחI")


def test_a_note_has_no_place_on_the_page_and_the_text_before_it_keeps_its_own() -> None:
    content = pdf_layouts.with_form()
    stored = read_pdf("a.pdf", content).text
    field, note = stored.index("Field"), stored.index("Note")
    assert under_the_marks(content, 1, stored, 0, field) == "Orderform"
    assert under_the_marks(content, 1, stored, field, note) is None
    assert under_the_marks(content, 1, stored, 0, len(stored)) == "Orderform"


@pytest.mark.prove
def test_a_hundred_quotes_of_real_files_stand_under_their_marks() -> None:
    folders = [Path(one) for one in os.environ.get("MUNIMENT_TEST_PDFS", "").split(os.pathsep) if one]
    files = sorted(file for folder in folders for file in folder.glob("*.pdf"))
    if not files:
        pytest.skip("MUNIMENT_TEST_PDFS names no folder with PDF files")
    chance = random.Random(5)
    checked = 0
    while checked < 100:
        for file in files:
            content = file.read_bytes()
            try:
                parsed = read_pdf(file.name, content)
            except ParseFailed:
                continue
            for page, stored, start, end in quotes(parsed, chance, 6):
                shown = under_the_marks(content, page, stored, start, end)
                assert shown is not None, (file.name, page, stored[start:end])
                assert agrees(stored[start:end], shown), (file.name, page, stored[start:end], shown)
                checked += 1
    print(f"{checked} quotes of {len(files)} files, all under their marks letter for letter")
