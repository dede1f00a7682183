"""Office files keep their structure: lists, merged cells, equations, charts, comments; deletions are not read."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from tests import fixtures_parse as make

from muniment.knowledge.ingestion.parse.slides import read_slides
from muniment.knowledge.ingestion.parse.word import read_word
from muniment.knowledge.ingestion.parse.workbook import read_workbook

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def document() -> Any:
    import docx

    return docx.Document()


def saved(made: Any) -> bytes:
    held = io.BytesIO()
    made.save(held)
    return held.getvalue()


def text_of(made: Any) -> str:
    return read_word("x.docx", saved(made)).text


def xml(source: str) -> Any:
    from docx.oxml import parse_xml

    return parse_xml(source)


def sheet(*rows: list[object], book: Any = None) -> Any:
    import openpyxl

    book = book or openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def test_items_of_a_list_keep_their_depth_and_number() -> None:
    made = document()
    for style, text in [("", "one"), (" 2", "below"), ("", "two")]:
        made.add_paragraph(text, style=f"List Number{style}")
    made.add_paragraph("point", style="List Bullet")
    made.add_paragraph("deeper", style="List Bullet 2")
    assert text_of(made) == "1. one\n  1. below\n2. two\n- point\n  - deeper"


def test_a_numbered_heading_has_the_number_that_its_list_gives_it() -> None:
    made = document()
    numbering = made.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{shown}"/></w:lvl>'
        for at, (form, shown) in enumerate([("decimal", "%1"), ("decimal", "%1.%2"), ("lowerRoman", "(%3)")])
    )
    numbering.insert(0, xml(f'<w:abstractNum {W} w:abstractNumId="77">{levels}</w:abstractNum>'))
    numbering.append(xml(f'<w:num {W} w:numId="77"><w:abstractNumId w:val="77"/></w:num>'))
    for level, text in [(1, "Scope"), (2, "Persons"), (2, "Places"), (1, "Rules"), (2, "Cars"), (3, "Vans")]:
        paragraph = made.add_heading(text, level)
        number = f'<w:numPr {W}><w:ilvl w:val="{level - 1}"/><w:numId w:val="77"/></w:numPr>'
        paragraph._p.get_or_add_pPr().append(xml(number))
    read = read_word("x.docx", saved(made))
    assert [(one.level, one.text) for one in read.headings] == [
        (1, "1 Scope"), (2, "1.1 Persons"), (2, "1.2 Places"), (1, "2 Rules"), (2, "2.1 Cars"), (3, "(i) Vans"),
    ]  # fmt: skip


def test_merged_cells_are_read_once_and_the_others_keep_their_columns() -> None:
    made = document()
    table = made.add_table(3, 3)
    for at in range(9):
        table.cell(at // 3, at % 3).text = f"c{at}"
    table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
    table.cell(1, 2).merge(table.cell(2, 2)).text = "tall"
    assert text_of(made) == "wide |  | c2\nc3 | c4 | tall\nc6 | c7"


def test_what_tracked_changes_deleted_is_not_read() -> None:
    made = document()
    paragraph = made.add_paragraph("Kept ")
    paragraph._p.append(xml(f"<w:del {W}><w:r><w:delText>gone</w:delText></w:r></w:del>"))
    paragraph._p.append(xml(f"<w:ins {W}><w:r><w:t>added</w:t></w:r></w:ins>"))
    table = made.add_table(2, 2)
    for at in range(4):
        table.cell(at // 2, at % 2).text = f"c{at}"
    table.rows[1]._tr.get_or_add_trPr().append(xml(f"<w:del {W}/>"))
    assert text_of(made) == "Kept added\n\nc0 | c1"


def test_a_comment_stands_by_what_it_is_about_and_is_marked() -> None:
    made = document()
    made.add_comment(made.add_paragraph("First.").runs, text="Really?", author="Ada")
    made.add_paragraph("Second.")
    assert re.fullmatch(r"First\.\n\nComment \(Ada, [\d-]{10}\): Really\?\n\nSecond\.", text_of(made))


def test_heads_and_feet_of_pages_are_read_once_and_page_numbers_never() -> None:
    made = document()
    made.add_paragraph("Body.")
    for section in (made.sections[0], made.add_section()):
        section.header.is_linked_to_previous = section.footer.is_linked_to_previous = False
        section.header.paragraphs[0].text = "Confidential"
        field = f'<w:fldSimple {W} w:instr=" PAGE "><w:r><w:t>3</w:t></w:r></w:fldSimple>'
        section.footer.paragraphs[0].text = "Page "
        section.footer.paragraphs[0]._p.append(xml(field))
    assert text_of(made) == "Body.\n\nHeader: Confidential"


def test_code_keeps_its_layout() -> None:
    made = document()
    made.styles.add_style("Source Code", 1)
    for line in ("def f():", "    return 1"):
        made.add_paragraph(line, style="Source Code")
    made.add_paragraph("After.")
    assert text_of(made) == "def f():\n    return 1\n\nAfter."


RUN = "<m:r><m:t>{}</m:t></m:r>"
EQUATIONS = {
    "fraction": ("<m:f><m:num>{a+b}</m:num><m:den>{2a}</m:den></m:f>", "(a+b)/(2a)"),
    "powers": ("<m:sSubSup><m:e>{x}</m:e><m:sub>{i}</m:sub><m:sup>{2n}</m:sup></m:sSubSup>", "x_i^(2n)"),
    "root": ("<m:rad><m:deg>{3}</m:deg><m:e>{y}</m:e></m:rad>", "root 3 of (y)"),
    "sum": (
        '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{i=1}</m:sub><m:sup>{n}</m:sup>'
        "<m:e>{i}</m:e></m:nary>",
        "∑_(i=1)^n i",
    ),
    "function": ("<m:func><m:fName>{log}</m:fName><m:e><m:d><m:e>{x}</m:e></m:d></m:e></m:func>", "log(x)"),
    "power of a fraction": (
        "<m:sSup><m:e><m:f><m:num>{c}</m:num><m:den>{v}</m:den></m:f></m:e><m:sup>{2}</m:sup></m:sSup>",
        "(c/v)^2",
    ),
    "matrix": ("<m:m><m:mr><m:e>{a}</m:e><m:e>{b}</m:e></m:mr><m:mr><m:e>{c}</m:e></m:mr></m:m>", "a  b; c"),
    "nested beyond reason": ("<m:box><m:e>" * 90 + "{z}" + "</m:e></m:box>" * 90, "z"),
}


@pytest.mark.parametrize("what", EQUATIONS)
def test_equations_read_as_one_line(what: str) -> None:
    source, line = EQUATIONS[what]
    made = document()
    paragraph = made.add_paragraph("Let ")
    runs = re.sub(r"\{(.+?)\}", lambda found: RUN.format(found[1]), source)
    paragraph._p.append(xml(f"<m:oMath {M}>{runs}</m:oMath>"))
    assert text_of(made) == f"Let {line}"


def test_boxes_to_tick_show_whether_they_are() -> None:
    made = document()
    for state in ("", '<w:checked w:val="0"/>', "<w:checked/>"):
        box = f'<w:ffData><w:checkBox><w:default w:val="1"/>{state}</w:checkBox></w:ffData>'
        paragraph = made.add_paragraph()
        paragraph._p.append(xml(f'<w:r {W}><w:fldChar w:fldCharType="begin">{box}</w:fldChar></w:r>'))
        paragraph.add_run("Tea")
    assert text_of(made) == "☒ Tea\n\n☐ Tea\n\n☒ Tea"


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("x.docx", make.word, read_word),
        ("x.xlsx", make.workbook, read_workbook),
        ("x.pptx", make.slides, read_slides),
    ],
)
def test_the_strict_form_reads_as_the_usual_one(name: str, content: Any, read: Any) -> None:
    usual = content()
    with zipfile.ZipFile(io.BytesIO(usual)) as archive:
        changes = {
            one: re.sub(
                rb"http://schemas\.openxmlformats\.org/(?!package)(\w+)/2006/",
                rb"http://purl.oclc.org/ooxml/\1/",
                archive.read(one),
            )
            for one in archive.namelist()
            if one.endswith((".xml", ".rels")) and one != "[Content_Types].xml"
        }
    changes = {
        one: part.replace(b"ooxml/package/", b"ooxml/officeDocument/") for one, part in changes.items()
    }
    assert read(name, make.repacked(usual, changes)).text == read(name, usual).text


def test_tables_side_by_side_are_read_one_after_the_other() -> None:
    book = sheet(
        ["city", "desks", None, "name", "floor"],
        ["Oslo", 3, None, "Ann", 1],
        ["Rome", 4],
        [],
        ["Total", None, 7],
    )
    assert read_workbook("x.xlsx", saved(book)).text == (
        "Sheet\ncity | desks\nOslo | 3\nRome | 4\nname | floor\nAnn | 1\nTotal |  | 7"
    )


def test_a_blank_column_inside_one_table_leaves_its_rows_whole() -> None:
    book = sheet(["item", "size", None, "price", "tax"], ["Pen", "s", None, 1, 2], ["Ink", "m", None, 3, 4])
    assert "Pen | s |  | 1 | 2" in read_workbook("x.xlsx", saved(book)).text


def test_every_row_of_a_long_sheet_names_its_columns() -> None:
    book = sheet(["Name", "Grade"], *([f"Person {n}", f"Level {n}"] for n in range(100)))
    assert "\nName: Person 42 | Grade: Level 42\n" in read_workbook("x.xlsx", saved(book)).text


def test_comments_on_cells_follow_the_sheet() -> None:
    from openpyxl.comments import Comment

    book = sheet(["Name", "Days"], ["Ann", 25])
    book.active["B2"].comment = Comment("Since March", "Ada")
    assert read_workbook("x.xlsx", saved(book)).text.endswith("Ann | 25\n\nComment (Ada, B2): Since March")


def test_a_chart_is_read_as_its_title_and_values() -> None:
    import pptx
    from openpyxl.chart import BarChart, Reference
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = pptx.Presentation()
    values = CategoryChartData()
    values.categories = ["North", "South"]
    values.add_series("Ducks", (12, 7))
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    frame = slide.shapes.add_chart(XL_CHART_TYPE.PIE, *map(Inches, (1, 1, 4, 3)), values)
    frame.chart.has_title = True
    frame.chart.chart_title.text_frame.text = "Seen in May"
    assert read_slides("x.pptx", saved(deck)).text == "Chart: Seen in May\n\n| Ducks\nNorth | 12\nSouth | 7"

    book = sheet(["Year", "Ducks"], [2020, 5])
    chart = BarChart()
    chart.title = "Ducks by year"
    chart.add_data(Reference(book.active, min_col=2, min_row=1, max_row=2), titles_from_data=True)
    book.active.add_chart(chart, "D1")
    assert "Chart: Ducks by year" in read_workbook("x.xlsx", saved(book)).text


def test_slides_number_their_lists_and_read_merged_cells_once() -> None:
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    frame = slide.shapes.add_textbox(*map(Inches, (1, 1, 3, 1))).text_frame
    main = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    for at, text in enumerate(["first", "second", "below", "third"]):
        paragraph = frame.paragraphs[0] if not at else frame.add_paragraph()
        paragraph.text, paragraph.level = text, int(text == "below")
        paragraph._p.get_or_add_pPr().append(xml(f'<a:buAutoNum {main} type="arabicPeriod"/>'))
    table = slide.shapes.add_table(2, 2, *map(Inches, (1, 3, 3, 1))).table
    for at in range(4):
        table.cell(at // 2, at % 2).text = f"c{at}"
    table.cell(0, 0).merge(table.cell(0, 1))
    read = read_slides("x.pptx", saved(deck)).text
    assert read.startswith("1. first\n2. second\n  1. below\n3. third\n\nc0")
    assert read.endswith("\nc2 | c3") and read.count("c1") <= 1
