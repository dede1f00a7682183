"""Slides, sheets and mails look like what they are, with the quoted words marked and nothing lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import fixtures_formats, fixtures_parse
from tests.unit.interfaces.test_leaves import read

from muniment.interfaces.web.reading.leaves import Asked, text_view
from muniment.interfaces.web.reading.marker import Marker
from muniment.interfaces.web.reading.sheet import MOST_ROWS, letter, sheet
from muniment.interfaces.web.reading.views import Leaf, Run
from muniment.interfaces.web.wording import Unit
from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.normal import table_lines
from muniment.knowledge.ingestion.parse.slides import read_slides
from muniment.knowledge.ingestion.parse.tabular import read_csv
from muniment.knowledge.ingestion.parse.workbook import read_workbook
from muniment.knowledge.ingestion.parse_child import read_file
from muniment.knowledge.ingestion.parsed import Parsed
from muniment.knowledge.reading import DocumentRead


def stored(parsed: Parsed) -> DocumentRead:
    units = tuple(
        {"kind": u.kind, "label": u.label, "number": u.number, "start": u.start, "end": u.end}
        for u in parsed.units
    )
    return read(parsed.text, units, parsed.media_type)


def runs_of(leaf: Leaf) -> Iterator[Run]:
    yield from leaf.title
    for _, value in leaf.head:
        yield from value
    for paragraph in leaf.paragraphs:
        yield from paragraph.runs
    for row in leaf.grid.rows if leaf.grid else ():
        for cell in row.cells:
            yield from cell
    yield from leaf.aside


def said(runs: Iterable[Run], *, marked: bool | None = None) -> str:
    return "".join(run.text for run in runs if marked is None or run.marked == marked)


def cells(leaf: Leaf) -> list[list[str]]:
    assert leaf.grid is not None
    return [[said(cell) for cell in row.cells] for row in leaf.grid.rows]


def test_a_slide_is_a_card_with_its_title_its_words_and_its_notes_apart() -> None:
    first, second = text_view(stored(read_slides("a.pptx", fixtures_parse.slides())), Asked()).leaves
    assert (first.form, said(first.title), said(first.aside)) == ("slide", "Topic 1", "Spoken words 1")
    assert [said(one.runs) for one in first.paragraphs] == ["Point of slide 1"]
    assert said(second.title) == "Topic 2"


def test_a_mail_has_its_head_apart_from_its_text_and_names_what_was_attached() -> None:
    (leaf,) = text_view(stored(read_file("a.eml", fixtures_parse.mail())), Asked()).leaves
    assert leaf.form == "mail"
    assert said(leaf.title) == "Plan for Zürich"
    assert [(name, said(value)) for name, value in leaf.head] == [
        ("From", "Ada <ada@example.com>"),
        ("To", "ben@example.com"),
        ("Sent", "Tue, 03 Mar 2026 10:00:00 +0000"),
    ]
    assert [said(one.runs) for one in leaf.paragraphs] == ["We meet at noon."]
    assert said(leaf.aside) == "budget.pdf"


def test_what_was_attached_to_a_message_is_shown_behind_it() -> None:
    message = fixtures_formats.outlook(files={"budget.txt": b"Twenty thousand", "plan.md": b"# Plan"})
    mail, attached = text_view(stored(read_file("a.msg", message)), Asked()).leaves
    assert (mail.form, said(mail.aside)) == ("mail", "budget.txt, plan.md")
    shown = [said(one.runs) for one in attached.paragraphs]
    assert shown == ["budget.txt", "Twenty thousand", "plan.md", "# Plan"]


def test_an_open_spreadsheet_is_a_table() -> None:
    (leaf,) = text_view(stored(read_file("a.ods", fixtures_formats.open_sheet())), Asked()).leaves
    assert leaf.form == "sheet" and ["Ada", "50000"] in [
        [c.rpartition(": ")[2] for c in row] for row in cells(leaf)
    ]


def test_a_sheet_is_a_table_whose_cells_stand_below_their_columns() -> None:
    view = text_view(stored(read_workbook("a.xlsx", fixtures_parse.workbook())), Asked())
    (leaf,) = view.leaves
    assert cells(leaf) == [["Name", "Grade", "Salary"], ["Ada", "L5", "50000"], ["Ben", "L4", "40000.5"]]
    assert leaf.grid is not None
    assert [row.names for row in leaf.grid.rows] == [True, False, False]
    assert leaf.grid.letters == ("A", "B", "C")
    assert [entry.label for entry in view.entries] == ["Pay", "Notes"]


def test_an_empty_cell_keeps_its_place_and_a_bar_in_a_cell_stays_in_it() -> None:
    content = b'name,seats,note\nOak,,"a | b"\n,12,\nElm,4,calm: quiet\n'
    (leaf,) = text_view(stored(read_csv("rooms.csv", content)), Asked()).leaves
    assert cells(leaf) == [
        ["name", "seats", "note"],
        ["Oak", "", "a | b"],
        ["", "12", ""],
        ["Elm", "4", "calm: quiet"],
    ]


def test_the_quoted_cells_are_marked_and_the_column_is_heard_where_it_is_quoted() -> None:
    found = stored(read_csv("rooms.csv", b"room,seats\nOak,12\nElm,4\n"))
    start = found.version.text.index("seats: 12")
    (leaf,) = text_view(found, Asked((start, start + 9))).leaves
    marks = [run for run in runs_of(leaf) if run.marked]
    assert [(run.text, run.quiet, run.first) for run in marks] == [
        ("seats: ", True, False),
        ("12", False, True),
    ]


def test_a_long_sheet_shows_the_rows_around_the_quote_and_leads_to_the_others() -> None:
    rows = "".join(f"r{n},{n}\n" for n in range(1, 1000))
    found = stored(read_csv("long.csv", f"name,number\n{rows}".encode()))
    start = found.version.text.index("number: 555")
    (leaf,) = text_view(found, Asked((start, start + 11))).leaves
    assert leaf.grid is not None
    assert leaf.grid.rows[0].number == 401
    assert len(leaf.grid.rows) == MOST_ROWS
    assert leaf.grid.said == "Rows 401 to 600 of 1000."
    assert ("row=201" in leaf.grid.earlier) and ("row=601" in leaf.grid.later)
    assert "555" in said(runs_of(leaf), marked=True)
    (last,) = text_view(found, Asked(row=99999)).leaves
    assert last.grid is not None
    assert (last.grid.rows[-1].number, last.grid.later) == (1000, "")


WORDS = st.text("ab :|\n-#", max_size=12)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(0, 150), st.integers(0, 150), st.data())
def test_whatever_is_stored_is_shown_and_marked_exactly(
    pieces: list[str], a: int, b: int, data: st.DataObject
) -> None:
    kind, media = data.draw(
        st.sampled_from([("slide", MEDIA_TYPES["pptx"]), ("message", MEDIA_TYPES["eml"])])
    )
    text = data.draw(st.sampled_from(["", "Subject: x\nFrom: y\n\n", "ab\n\n- "])) + "\n\n".join(pieces)
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    unit = {"kind": kind, "label": "ab", "number": 1, "start": 0, "end": len(text)}
    at = (start, end) if start < end else None
    (leaf,) = text_view(read(text, (unit,), media), Asked(at)).leaves
    quoted = "".join(text[start:end].split())
    marked = "".join(said(runs_of(leaf), marked=True).split())
    # What the form says by itself (names of head lines, `Notes:`) and blank lines are not repeated.
    assert is_within(marked, quoted)
    assert len(quoted) - len(marked) <= len("Subject:From:Notes:Attachments:-")
    assert is_within("".join(said(runs_of(leaf)).split()), "".join(text.split()))


def is_within(some: str, whole: str) -> bool:
    """Return whether the letters of one are in the other, in order."""
    rest = iter(whole)
    return all(letter in rest for letter in some)


CELL = st.text("abc 1:", max_size=5).map(lambda cell: " ".join(cell.split()))


@settings(deadline=None)
@given(st.lists(st.lists(CELL, min_size=3, max_size=3).filter(any), min_size=1, max_size=8), st.data())
def test_every_cell_of_a_table_is_shown_and_marked_exactly(
    rows: list[list[str]], data: st.DataObject
) -> None:
    text = "\n".join(table_lines([["a1", "b c", "c:"], *rows], always_name=True))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    leaf = sheet(1, "", Unit("section", "", 1, 0, len(text)), Marker(text, (start, end)), None, str)
    runs = list(runs_of(leaf))
    assert is_within(said(runs, marked=True), text[start:end])
    separators = text[start:end].count("|") + text[start:end].count(" ") + text[start:end].count("\n")
    assert len(said(runs, marked=True)) >= end - start - separators
    assert sum(run.first for run in runs) <= 1


@pytest.mark.parametrize(("column", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_have_the_names_that_sheets_give_them(column: int, name: str) -> None:
    assert letter(column) == name
