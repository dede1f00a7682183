"""The pages of a PDF are read as a person reads them."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import pdf_layouts
from tests.set_pages import Setting, drawn, from_the_right, set_page

from muniment.knowledge.ingestion.parse.pdf import read_pdf
from muniment.knowledge.ingestion.parse.pdf_bidi import Glyph, as_read, from_the_left, kind


def text(content: bytes) -> str:
    return read_pdf("a.pdf", content).text


def test_columns_are_read_one_after_the_other_below_the_heading_that_spans_them() -> None:
    parsed = read_pdf("a.pdf", pdf_layouts.in_columns())
    assert parsed.headings[0].text == "The herons of the northern tarn"
    assert parsed.text.endswith(" ".join((*pdf_layouts.LEFT, *pdf_layouts.RIGHT)))


def test_a_drawn_table_is_a_row_a_line_however_its_cells_are_wrapped() -> None:
    assert text(pdf_layouts.with_table()) == (
        "Leave depends on the grade.\n\nGrade | Days\nL5 | 25 and two more for each child\nL6 | 28\n\n"
        "It is granted in spring."
    )


def test_a_table_without_lines_is_a_row_a_line() -> None:
    cells = ["Grade", "Days", "From", "L5", "25", "May", "L6", "28", "June"]
    assert text(set_page(cells, Setting(table=True))) == "Grade | Days | From\nL5 | 25 | May\nL6 | 28 | June"


@pytest.mark.parametrize("quarters", range(4))
def test_turned_lines_are_read_in_order(quarters: int) -> None:
    assert text(pdf_layouts.turned(quarters)) == "Every office is open and closes at noon in spring."


def test_notes_and_filled_fields_stand_at_the_end_of_their_page_and_say_what_they_are() -> None:
    assert text(pdf_layouts.with_form()) == (
        "Order form\n\nField Full name: Ada Byron\n\nField agree: Yes\n\nNote by Ben: Ask for the price."
    )


def test_bookmarks_are_headings_where_their_titles_stand_also_over_lines_and_with_numbers() -> None:
    from fpdf import FPDF

    document = FPDF(unit="pt", format=(420, 600))
    document.add_page()
    document.set_font("helvetica", size=10)
    document.start_section("Of the heron and its nests in spring")
    document.start_section("Food", level=1)
    document.start_section("Nowhere in the text", level=1)
    for line in (
        "1. Of the heron and its",
        "nests in spring",
        "It nests early.",
        "1.1  Food",
        "It eats fish.",
    ):
        document.cell(0, 12, line, new_x="LMARGIN", new_y="NEXT")
    parsed = read_pdf("a.pdf", bytes(document.output()))
    assert [(one.level, one.text) for one in parsed.headings] == [
        (1, "1. Of the heron and its nests in spring"),
        (2, "1.1 Food"),
    ]


def test_lines_in_scripts_from_the_right_are_read_in_their_order_with_words_and_numbers_of_others() -> None:
    lines = ["الإنتاجية في البلاد 2026", "هذا Python هو R لغة", "שנה 12.50 ועוד 7 ימים"]
    read = text(from_the_right(lines, left="דוח"))
    assert read.startswith(f"{lines[0]} | דוח")
    assert all(line in read for line in lines)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(("שלום", "Tarn", "12", "3.50", "ים", "of")), min_size=1, max_size=8))
def test_a_line_from_the_right_is_turned_back_to_the_words_it_was_made_of(words: list[str]) -> None:
    # Two words of the other way side by side are one stretch, which only its paragraph could tell apart.
    words = [one for place, one in enumerate(words) if place % 2 or not one.isascii()] or ["שלום"]
    words = [word for word in words for word in (("ו", word) if word.isascii() else (word,))]
    visual: list[str] = []
    for word in words:
        visual[:0] = [" ", *(word if word.isascii() else reversed(word))]
    placed = [
        Glyph([(letter, place)], place * 5.0, 0.0, place * 5.0 + 5.0, 9.0)
        for place, letter in enumerate(visual)
    ]
    found = as_read(from_the_left(placed), from_right=True)
    assert "".join(one.letters[0][0] for one in found).split() == words
    assert {kind(one) for one in found} <= set("RLNS") | {""}


def test_a_word_cut_at_the_end_of_a_line_is_whole_unless_it_is_written_with_its_hyphen() -> None:
    lines = (
        "A well-known rule says that the repre-",
        "sentation of herons is due. It is well-",
        "known that Anglo-",
        "Saxon law knew none, and vor-",
        "und nachher none was made.",
    )
    drawn_lines = "".join(f"({line}) Tj T* " for line in lines)
    read = text(drawn(f"BT /F 12 Tf 14 TL 40 200 Td {drawn_lines} ET"))
    assert "the representation of herons" in read
    assert "It is well-known that Anglo-Saxon law" in read
    assert "vor- und nachher" in read


def test_a_page_of_many_pieces_and_lines_is_read_in_good_time() -> None:
    words = "".join(
        f"BT /F 4 Tf {x} {y} Td ({x}) Tj ET " for y in range(0, 300, 5) for x in range(0, 400, 10)
    )
    rules = "".join(f"0 {y} m 400 {y} l S " for y in range(0, 300, 2))
    rules += "".join(f"{x} 0 m {x} 300 l S " for x in range(0, 400, 2))
    assert "390" in text(drawn(words + rules))


def test_what_breaks_a_table_of_the_page_leaves_its_text() -> None:
    made = io.BytesIO(drawn("0 0 m 1e30 0 l S 0 9 m 0 -1e30 l S BT /F 12 Tf 40 200 Td (Still here.) Tj ET"))
    assert text(made.getvalue()) == "Still here."
