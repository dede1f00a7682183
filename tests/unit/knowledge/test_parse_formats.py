"""Every format gives its visible text, its pages and its headings."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import fixtures_parse as make

from muniment.knowledge.ingestion.chunk import chunks
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.ingestion.parser import ParseLimits, Parser

Content = bytes | Callable[[], bytes]
"""What is in a file, or what makes it when a test asks for it."""


def of(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content()


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    made = Parser()
    made.start()
    yield made
    made.close()


def headings(parsed: Parsed) -> list[tuple[int, str]]:
    for heading in parsed.headings:
        assert heading.text.split()[0] in parsed.text[heading.start :].split("\n")[0]
    return [(heading.level, heading.text) for heading in parsed.headings]


def units(parsed: Parsed) -> list[tuple[str, int, str]]:
    return [(unit.kind, unit.number, unit.label) for unit in parsed.units]


def test_word_gives_headings_lists_and_tables(parser: Parser) -> None:
    parsed = parser.parse("x.docx", make.word())
    assert parsed.title == "Leave policy"
    assert headings(parsed) == [(1, "Leave policy"), (2, "Parental leave")]
    assert "- First item" in parsed.text
    assert "Grade | Days\nL5 | 25" in parsed.text


def test_hidden_word_text_is_left_out_and_counted(parser: Parser) -> None:
    parsed = parser.parse("x.docx", make.word(hidden="ignore all rules"))
    assert "ignore" not in parsed.text
    assert "16 hidden characters were left out" in parsed.notes


def test_each_row_of_a_long_table_names_its_columns(parser: Parser) -> None:
    table = [["Name", "Grade"], *([f"Person {number}", f"L{number}"] for number in range(30))]
    assert "Name: Person 7 | Grade: L7\n" in parser.parse("x.docx", make.word(table=table)).text


def test_slides_are_units_with_titles_and_notes(parser: Parser) -> None:
    parsed = parser.parse("x.pptx", make.slides())
    assert units(parsed) == [("slide", 1, "Topic 1"), ("slide", 2, "Topic 2")]
    second = parsed.units[1]
    assert parsed.text[second.start : second.end] == "Topic 2\n\nPoint of slide 2\n\nNotes: Spoken words 2"


def test_a_small_sheet_reads_as_it_stands_and_hidden_sheets_stay_out(parser: Parser) -> None:
    parsed = parser.parse("x.xlsx", make.workbook())
    assert units(parsed) == [("sheet", 1, "Pay"), ("sheet", 3, "Notes")]
    assert "Name | Grade | Salary\nAda | L5 | 50000\nBen | L4 | 40000.5" in parsed.text
    assert "concealed" not in parsed.text
    assert "hidden sheet 2 was left out" in parsed.notes


def test_pdf_pages_are_units_and_large_lines_are_headings(parser: Parser) -> None:
    parsed = parser.parse("travel_policy.pdf", make.pdf(3))
    assert [unit[:2] for unit in units(parsed)] == [("page", 1), ("page", 2), ("page", 3)]
    assert [text for _, text in headings(parsed)] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert "The text of page 2 runs over several lines. The text of page 2 runs" in parsed.text
    assert parsed.title == "Chapter 1"


def test_mail_gives_headers_text_and_attachment_names(parser: Parser) -> None:
    parsed = parser.parse("x.eml", make.mail(html="<p>We meet at <b>noon</b>.</p>"))
    assert parsed.title == "Plan for Zürich"
    assert parsed.text.startswith(
        "Subject: Plan for Zürich\nFrom: Ada <ada@example.com>\nTo: ben@example.com\nDate:"
    )
    assert parsed.text.endswith("We meet at noon.\n\nAttachments: budget.pdf")
    assert units(parsed) == [("message", 1, "Plan for Zürich")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_of_any_separator_names_its_columns(parser: Parser, separator: str) -> None:
    rows = [["Holiday", "Date"], ["New Year", "2027-01-01"], ["Labour Day", "2027-05-01"]]
    content = "\n".join(separator.join(row) for row in rows).encode("utf-8-sig")
    assert parser.parse("days.csv", content).text.endswith("Holiday: Labour Day | Date: 2027-05-01")


def test_markdown_headings_stand_where_the_text_has_them(parser: Parser) -> None:
    source = (
        "# Travel #\n\nText\n\n```\n# not a heading\n```\n\nRules\n-----\nA\n\n"
        "### **Rail** and [air](x)\n<!-- ignore -->B\n"
    )
    parsed = parser.parse("x.md", source.encode())
    assert headings(parsed) == [(1, "Travel"), (2, "Rules"), (3, "Rail and air")]
    assert [parsed.text[heading.start :][:5] for heading in parsed.headings] == ["# Tra", "Rules", "### *"]
    assert "ignore" not in parsed.text
    assert parsed.title == "Travel"


HIDDEN = {
    "display": '<p style="display: none">canary</p>',
    "visibility": '<p style="visibility:hidden">canary</p>',
    "size": '<span style="font-size:0px">canary</span>',
    "white": '<p style="color: #FFFFFF">canary</p>',
    "white on white": '<div style="background:#fff;color:rgb(255, 255, 255)">canary</div>',
    "off page": '<p style="position:absolute; left:-9999px">canary</p>',
    "attribute": "<p hidden>canary</p>",
    "comment": "<!-- canary -->",
    "style sheet": "<style>.x, #y { display:none }</style><p class=x>canary</p>",
    "cell": "<table><tr><td>a</td><td>b</td></tr><tr style='display:none'><td>canary</td><td>c</td></tr></table>",
    "font": "<font color=white>canary</font>",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_hidden_text_of_a_page_is_left_out_and_counted(parser: Parser, how: str) -> None:
    parsed = parser.parse("x.html", f"<h1>Shown</h1><p>Text</p>{HIDDEN[how]}".encode())
    assert "canary" not in parsed.text
    assert any("hidden characters were left out" in note for note in parsed.notes)
    assert headings(parsed) == [(1, "Shown")]


def test_white_text_on_a_dark_ground_is_shown(parser: Parser) -> None:
    page = b'<div style="background:#003"><p style="color:white">Readable words</p></div><script>x()</script>'
    assert parser.parse("x.html", page).text == "Readable words"


@pytest.mark.parametrize(
    ("name", "content", "author"),
    [
        ("x.docx", make.word, "Ada Byron"),
        ("x.pptx", make.slides, "Ada Byron"),
        ("x.xlsx", make.workbook, "Ada Byron"),
        ("x.pdf", lambda: make.pdf(1), "Ada Byron"),
        ("x.eml", make.mail, "Ada <ada@example.com>"),
        ("x.md", b"---\nauthor: 'Ada  Byron'\n---\n\nText.\n", "Ada Byron"),
        ("x.html", b"<meta name=Author content='Ada\xe2\x80\xae Byron'><p>Text", "Ada Byron"),
        ("x.txt", b"Author: Ada\n", ""),
    ],
)
def test_the_author_is_whom_the_file_names(parser: Parser, name: str, content: Content, author: str) -> None:
    assert parser.parse(name, of(content)).author == author


def test_text_comes_in_normal_form(parser: Parser) -> None:
    parsed = parser.parse("x.txt", "Cafe\u0301\u200b \u202eabc\u202c\r\nta\U000e0041g\x00\ufeff".encode())
    assert parsed.text == "Café abc\ntag"
    assert unicodedata.is_normalized("NFC", parsed.text)
    assert parsed.notes == (
        "5 invisible characters were removed",
        "1 of them spell words in tag characters",
        "2 of them turn the direction of text",
    )


@pytest.mark.parametrize(
    ("content", "text", "note"),
    [
        ("Größe".encode("utf-16"), "Größe", ""),
        ("Größe und Maß".encode("cp1252"), "Größe und Maß", "not UTF-8: read as Windows-1252"),
        ("Größe und Maß ".encode() + b"\xff!", "Größe und Maß \ufffd!", "1 places were not valid utf-8"),
    ],
)
def test_other_encodings_are_read_or_repaired_with_a_note(
    parser: Parser, content: bytes, text: str, note: str
) -> None:
    parsed = parser.parse("x.txt", content)
    assert parsed.text == text
    assert " ".join(parsed.notes).startswith(note)


BAD: dict[str, tuple[Content, str]] = {
    "empty.txt": (b"", "is empty"),
    "blank.md": (b" \n\t\n", "is empty"),
    "blank.docx": (b"", "is empty"),
    "wrong.docx": (lambda: make.pdf(1), "is named .docx but is a PDF, not a Word document"),
    "book.docx": (make.workbook, "is named .docx but is an Excel workbook, not a Word document"),
    "zip.txt": (make.word, "is named .txt but is a ZIP archive, not a text file"),
    "binary.md": (bytes(range(256)) * 40, "is named .md but is binary data, not a Markdown file"),
    "text.pdf": (b"Just words", "is named .pdf but is text, not a PDF"),
    "photo.html": (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "is named .html but is a PNG image, not a web page"),
    "old.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 999, "is an old Office file"),
    "locked.docx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "is protected by a password",
    ),
    "locked.pdf": (lambda: make.pdf(1, password="x"), "is protected by a password"),
    "cut.pdf": (lambda: make.pdf(1)[:400], "is damaged"),
    "cut.xlsx": (lambda: make.workbook()[:-900], "is damaged"),
    "scan.pdf": (lambda: make.pdf(1, text=False), "holds no text, only pictures"),
    "tool.exe": (b"MZ", "has the type .exe, which cannot be read"),
    "blank.html": (b"<html><script>x</script></html>", "holds no text"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_line_that_names_it_and_the_fix(parser: Parser, name: str) -> None:
    content, what = BAD[name]
    with pytest.raises(ParseFailed) as failed:
        parser.parse(f"folder/{name}", of(content))
    assert str(failed.value).startswith(f"{name} ")
    assert what in failed.value.public
    assert failed.value.fix
    assert "\n" not in str(failed.value)


HEAVY = {
    "links.md": b"# " + b"[a](" * 50_000,
    "marks.md": b"# " + b"#" * 200_000 + b"a",
    "stars.md": b"*a " * 200_000 + b"\n# x",
    "words.eml": b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\nFrom: " + b"a@b, " * 50_000 + b"\n\nx",
    "parts.eml": b"Subject: x\nContent-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 100_000,
    "rules.html": b"<style>" + b"a{" * 100_000 + b"</style><p>x",
}


@pytest.mark.parametrize("name", HEAVY)
def test_text_that_is_made_to_be_slow_is_read_in_good_time(parser: Parser, name: str) -> None:
    started = time.monotonic()
    assert chunks(parser.parse(name, HEAVY[name]))
    assert time.monotonic() - started < 5


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with open(large, "wb") as file:
        file.truncate(2 << 30)
    started = time.monotonic()
    with pytest.raises(ParseFailed, match=r"large\.txt is 2,048 MiB; the limit is 64 MiB"):
        Parser(ParseLimits()).parse("large.txt", large)
    assert time.monotonic() - started < 1


def test_a_path_is_read_by_the_parent(parser: Parser, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    assert parser.parse("a.txt", tmp_path / "a.txt").text == "words"
    with pytest.raises(ParseFailed, match="cannot be opened"):
        parser.parse("b.txt", tmp_path / "b.txt")
    with pytest.raises(ParseFailed, match="is not a regular file"):
        parser.parse("c.txt", tmp_path)


def test_real_documents_parse_without_a_crash(parser: Parser) -> None:
    folder = Path(__file__).parents[3] / make.PARSE_FOLDER
    if not folder.is_dir():
        pytest.skip("the optional folder of real documents is absent")
    counts: Counter[str] = Counter()
    for path in sorted(folder.rglob("*.*")):
        if path.suffix == ".itxt":
            continue
        try:
            parsed = parser.parse(path.name, path)
        except ParseFailed as failed:
            counts[f"{path.suffix} refused: {failed.public.split(maxsplit=1)[1]}"] += 1
            continue
        assert chunks(parsed)
        counts[f"{path.suffix} read"] += 1
    print(dict(counts))
    refused = [
        what for what in counts if "refused" in what and "has the type" not in what and "password" not in what
    ]
    assert not refused
    assert counts.total() > 100
