"""OpenDocument, RTF, books, Outlook, notebooks, code, structured files and archives give what a reader sees."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import fixtures_formats as made
from tests import fixtures_parse as office

from muniment.knowledge.formats import EXTENSIONS, MEDIA_TYPES
from muniment.knowledge.ingestion.chunk import chunks
from muniment.knowledge.ingestion.parse.packed_rtf import unpacked
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.ingestion.parser import Parser


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    one = Parser()
    one.start()
    yield one
    one.close()


def headings(parsed: Parsed) -> list[tuple[int, str]]:
    for heading in parsed.headings:
        assert heading.text.split()[0] in parsed.text[heading.start :].split("\n")[0]
    return [(heading.level, heading.text) for heading in parsed.headings]


def units(parsed: Parsed) -> list[tuple[str, int, str]]:
    return [(unit.kind, unit.number, unit.label) for unit in parsed.units]


def test_an_open_text_gives_headings_lists_tables_and_footnotes(parser: Parser) -> None:
    parsed = parser.parse("x.odt", made.open_text())
    assert parsed.title == "Leave policy" and parsed.author == "Ada Byron"
    assert headings(parsed) == [(1, "Leave policy"), (2, "Parental leave")]
    assert "Everyone  takes leave.\n" in parsed.text and "Footnote: Since 2019." in parsed.text
    assert "- First item" in parsed.text and "Grade | Days\nL5 | 25" in parsed.text


def test_hidden_and_deleted_words_of_an_open_text_are_left_out(parser: Parser) -> None:
    parsed = parser.parse("x.odt", made.open_text())
    assert "canary" not in parsed.text and "deleted" not in parsed.text
    assert "6 hidden characters were left out" in parsed.notes


def test_open_sheets_name_their_columns_and_hidden_ones_stay_out(parser: Parser) -> None:
    parsed = parser.parse("x.ods", made.open_sheet())
    assert units(parsed) == [("sheet", 1, "Pay")]
    assert parsed.text == "Pay\nName | Salary\nName: Ada | Salary: 50000"
    assert "hidden sheet 2 was left out" in parsed.notes


def test_open_slides_are_units_with_notes_and_hidden_ones_stay_out(parser: Parser) -> None:
    parsed = parser.parse("x.odp", made.open_slides())
    assert units(parsed) == [("slide", 1, "Topic 1")]
    assert parsed.text == "Topic 1\n- Point 1\n\nNotes: Spoken"
    assert "hidden slide 2 was left out" in parsed.notes


def test_rtf_gives_its_text_in_every_code_page_and_nothing_else(parser: Parser) -> None:
    parsed = parser.parse("x.rtf", made.RTF)
    assert parsed.title == "Leave policy" and parsed.author == "Ada Byron"
    assert headings(parsed) == [(1, "Leave policy"), (2, "Parental leave")]
    assert "Everyone takes leave… €5 При 😀 (Footnote: Since 2019.)" in parsed.text
    assert "- First item" in parsed.text and "Grade | Days\nL5 | 25" in parsed.text
    assert parsed.text.endswith("the page") and "canary" not in parsed.text
    assert "6 hidden characters were left out" in parsed.notes


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Co", "Cn", "Zl", "Zp", "Mn"]), max_size=60)
)
@settings(max_examples=40, deadline=None)
def test_whatever_rtf_writes_as_numbers_is_read_back(parser: Parser, words: str) -> None:
    wide = words.encode("utf-16-le")
    codes = struct.unpack(f"<{len(wide) // 2}h", wide)
    parsed = parser.parse("x.rtf", b"{\\rtf1 <" + b"".join(b"\\u%d?" % code for code in codes) + b">}")
    expected = parser.parse("x.txt", f"<{words}>".encode())
    assert "".join(parsed.text.split()) == "".join(expected.text.split())


def test_the_chapters_of_a_book_are_sections_in_reading_order(parser: Parser) -> None:
    pages = {"two": "<h1>Part two</h1><p>Later.</p>", "one": '<p>First.</p><p class="gone">canary</p>'}
    parsed = parser.parse("x.epub", made.book(pages))
    assert units(parsed) == [("section", 1, "Part one"), ("section", 2, "Part two")]
    assert parsed.text == "Part one\n\nFirst.\n\nPart two\n\nLater."
    assert headings(parsed) == [(1, "Part one"), (1, "Part two")]
    assert parsed.title == "The handbook" and parsed.author == "Ada Byron"


def test_a_locked_book_says_so(parser: Parser) -> None:
    locked = '<encryption xmlns:e="urn:x"><e:CipherReference URI="OEBPS/one.xhtml"/></encryption>'
    with pytest.raises(ParseFailed, match="is locked: its text is encrypted"):
        parser.parse("x.epub", made.book({"one": "<p>x"}, **{"META-INF__encryption_xml": locked}))


def test_an_outlook_message_reads_like_any_mail(parser: Parser) -> None:
    parsed = parser.parse("x.msg", made.outlook("Plan for Zürich", files={"budget.txt": b"Twenty thousand"}))
    assert parsed.title == "Plan for Zürich" and parsed.author == "Ada <ada@example.com>"
    assert parsed.text.startswith("Subject: Plan for Zürich\nFrom: Ada <ada@example.com>\nTo: Ben\nDate: ")
    assert parsed.text.endswith(
        "We meet at noon.\n\nAttachments: budget.txt\n\nbudget.txt\n\nTwenty thousand"
    )
    assert units(parsed) == [("message", 1, "Plan for Zürich"), ("section", 1, "budget.txt")]


PACKED = (
    bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    ),
    b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
)
"""The example of MS-OXRTFCP, section 3.1."""


def test_the_documents_own_example_of_packed_text_unpacks(parser: Parser) -> None:
    assert unpacked(PACKED[0]) == PACKED[1]
    parsed = parser.parse("x.msg", made.outlook(body="", p10090102=PACKED[0]))
    assert parsed.text.endswith("\n\nhello world")


def test_a_page_in_a_message_shows_what_a_reader_sees(parser: Parser) -> None:
    page = b"<p>Shown</p><p hidden>canary</p>"
    assert parser.parse("x.msg", made.outlook(body="", p10130102=page)).text.endswith("\n\nShown")


def test_what_is_attached_to_a_mail_is_read_by_its_own_reader(parser: Parser) -> None:
    inner = with_files({"deep.md": b"# Deep\n\nWords."}, "Forwarded")
    parsed = parser.parse("x.eml", with_files({"pay.xlsx": office.workbook(), "in.eml": inner}))
    assert [label for _, _, label in units(parsed)] == ["Plan", "pay.xlsx", "in.eml"]
    assert "Ada | L5" in parsed.text and "Words." in parsed.text
    assert (5, "deep.md") not in headings(parsed) and (4, "deep.md") in headings(parsed)
    by_text = {parsed.text[one.start : one.end]: one.heading for one in chunks(parsed)}
    assert any("Ada | L5" in text and path.startswith("Plan > pay.xlsx") for text, path in by_text.items())


def test_an_attachment_that_cannot_be_read_is_named_and_takes_nothing_with_it(parser: Parser) -> None:
    parsed = parser.parse("x.eml", with_files({"a.psd": b"8BPS", "b.pdf": b"%PDF-", "c.txt": b"Words"}))
    assert parsed.text.endswith("Attachments: a.psd, b.pdf, c.txt\n\nc.txt\n\nWords")
    assert "not read: a.psd, which has the type .psd, which cannot be read." in parsed.notes
    assert any(note.startswith("not read: b.pdf, which is damaged") for note in parsed.notes)


def test_the_members_of_an_archive_are_sections_that_bear_their_paths(parser: Parser) -> None:
    files = {"hr/leave.md": b"# Leave\n\nTwenty days.", "hr/logo.psd": b"8BPS", "notes.txt": b"Words"}
    for name, content in {
        "x.zip": made.zipped(files),
        "x.tar": made.tarred(files),
        "x.tar.gz": made.tarred(files, "w:gz"),
        "x.tgz": made.tarred({("d" * 120) + "/" + path: data for path, data in files.items()}, "w:gz"),
    }.items():
        parsed = parser.parse(name, content)
        labels = [label.removeprefix("d" * 120 + "/") for _, _, label in units(parsed)]
        assert labels == ["hr/leave.md", "notes.txt"]
        assert "Twenty days." in parsed.text and headings(parsed)[1] == (2, "Leave")
        assert any("logo.psd, which has the type .psd" in note for note in parsed.notes)


def test_a_notebook_gives_its_words_its_code_and_what_it_printed(parser: Parser) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Sales\n", "\n", "By *month*."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<Figure>"}},
                {"output_type": "error", "traceback": ["\x1b[31mValueError\x1b[0m"]},
            ],
        },
    ]
    notebook = {"cells": cells, "metadata": {"kernelspec": {"language": "python"}}, "nbformat": 4}
    parsed = parser.parse("x.ipynb", json.dumps(notebook).encode())
    assert parsed.title == "Sales" and headings(parsed) == [(1, "Sales")]
    assert "```python\nprint(1)\n```\n\nOutput:\n1\n\nOutput:\n<Figure>\n\nOutput:\nValueError" in parsed.text
    assert "iVBOR" not in parsed.text


CODE: Mapping[str, tuple[str, list[str]]] = {
    "a.py": (
        "import os\n\n\ndef load(x):\n    def inner(): ...\n\n\nclass Store:\n    pass\n",
        ["load", "Store"],
    ),
    "a.ts": (
        "export default async function run() {\n}\nexport const f = (x) => x\nconst N = 1\n",
        ["run", "f"],
    ),
    "a.java": ("package a;\npublic final class Store {\n  int x;\n}\n", ["Store"]),
    "a.c": (
        "#include <x.h>\nstatic int add(int a, int b)\n{\n  if (a) return b;\n}\nint x = f(1);\n",
        ["add"],
    ),
    "a.go": ("func (s *Store) Load() error {\n}\ntype Store struct {\n}\n", ["Load", "Store"]),
    "a.rs": ("pub async fn load() {}\nimpl Store {\n}\n", ["load", "Store"]),
    "a.sh": ("set -e\nbuild() {\n  :\n}\n", ["build"]),
    "a.sql": ("SELECT 1;\nCREATE TABLE IF NOT EXISTS pay (a int);\n", ["pay"]),
    "a.css": (".head, a:hover {\n  color: red;\n}\n", [".head, a:hover"]),
}


@pytest.mark.parametrize("name", CODE)
def test_code_stands_as_it_is_under_its_definitions(parser: Parser, name: str) -> None:
    source, names = CODE[name]
    parsed = parser.parse(name, source.encode())
    assert parsed.text == source.strip("\n") and parsed.title == name
    assert [text for _, text in headings(parsed)] == names


def test_json_values_stand_behind_their_paths(parser: Parser) -> None:
    text = '{"name": "Ada Byron", "jobs": [{"at": "Acme", "from": 2019.50}, {"at": "Box"}], "name": null, "on": true}'
    parsed = parser.parse("x.json", text.encode())
    assert parsed.text == (
        "name: Ada Byron\n\njobs[1].at: Acme\njobs[1].from: 2019.50\njobs[2].at: Box\n\non: true"
    )
    assert parser.parse("x.jsonl", b'{"a": 1, "b": [2]}\n\nbroken\n').text == "a: 1 | b[1]: 2\nbroken"
    loose = parser.parse("tsconfig.json", b"// settings\n{'a': 1}")
    assert loose.text == "// settings\n{'a': 1}" and "not strict JSON: read as text" in loose.notes


def test_xml_text_and_attributes_stand_behind_their_paths(parser: Parser) -> None:
    text = (
        '<!DOCTYPE list><list xmlns="urn:x" owner="Ada"><item id="1"><name>Rail</name></item>'
        "<item>Air <b>only</b> if far</item><empty/></list>"
    )
    assert parser.parse("x.xml", text.encode()).text == (
        "list/@owner: Ada\n\nlist/item[1]/@id: 1\nlist/item[1]/name: Rail\n\nlist/item[2]: Air only if far"
    )
    with pytest.raises(ParseFailed, match=r"is not well-formed XML \(line 2\)"):
        parser.parse("x.xml", b"<a>\n<b></a>")


def test_settings_files_are_read_as_text(parser: Parser) -> None:
    assert parser.parse("x.yaml", b"a:\n  - b\n").text == "a:\n  - b"
    assert parser.parse("x.toml", b"[a]\nb = 1\n").media_type == "text/plain"


MISNAMED: dict[str, tuple[Callable[[], bytes], str]] = {
    "old.doc": (
        lambda: made.compound({"WordDocument": b"x"}),
        r"is an old Word file \(\.doc\), which cannot",
    ),
    "old.xls": (lambda: made.compound({"Workbook": b"x"}), "is an old Excel file"),
    "rich.doc": (lambda: made.RTF, "is named .doc but is an RTF document"),
    "sheet.odt": (
        made.open_sheet,
        "is named .odt but is an OpenDocument spreadsheet, not an OpenDocument text",
    ),
    "word.zip": (office.word, "is named .zip but is a Word document, not a ZIP archive"),
    "text.docx": (made.open_text, "is named .docx but is an OpenDocument text, not a Word document"),
    "plain.rtf": (lambda: b"Just words", "is named .rtf but is text, not an RTF document"),
    "rich.txt": (lambda: made.RTF, "is named .txt but is an RTF document, not a text file"),
    "old.msg": (lambda: made.compound({"WordDocument": b"x"}), "is named .msg but is an old Office file"),
    "mail.docx": (made.outlook, "is named .docx but is an Outlook message"),
    "zip.tar": (
        lambda: made.zipped({"a.txt": b"x"}),
        "is named .tar but is a ZIP archive, not a tar archive",
    ),
    "text.json": (
        lambda: made.zipped({"a.txt": b"x"}),
        "is named .json but is a ZIP archive, not a JSON file",
    ),
    "pictures.zip": (lambda: made.zipped({"a.png": b"x"}), "holds no file that can be read"),
    "cut.msg": (
        lambda: made.outlook()[:-512] + b"\x01" * 512,
        "is damaged: it cannot be read as an Outlook message",
    ),
    "cut.tgz": (
        lambda: made.tarred({"a.txt": b"x"}, "w:gz")[:-20],
        "is damaged: it cannot be read as an archive",
    ),
}


@pytest.mark.parametrize("name", MISNAMED)
def test_a_file_that_is_not_what_it_claims_gets_one_line_and_a_fix(parser: Parser, name: str) -> None:
    content, what = MISNAMED[name]
    with pytest.raises(ParseFailed, match=what) as failed:
        parser.parse(name, content())
    assert failed.value.fix and "\n" not in str(failed.value)


def test_an_archive_of_office_files_is_an_archive(parser: Parser) -> None:
    parsed = parser.parse(
        "x.zip", made.zipped({"leave.docx": office.word(), "in.zip": made.zipped({"a.txt": b"Words"})})
    )
    assert "Parents receive twenty weeks." in parsed.text and parsed.text.endswith("a.txt\n\nWords")


def test_every_extension_leads_to_a_kind_that_has_a_media_type() -> None:
    assert set(EXTENSIONS.values()) == set(MEDIA_TYPES)


def with_files(files: Mapping[str, bytes], subject: str = "Plan") -> bytes:
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ada@example.com", "ben@example.com"
    message.set_content("Body.")
    for name, content in files.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def test_real_messages_are_read(parser: Parser) -> None:
    folder = Path(__file__).parents[3] / office.PARSE_FOLDER / "email"
    found = sorted(folder.rglob("*.msg"))
    if not found:
        pytest.skip("the optional folder of real documents is absent")
    for path in found:
        assert parser.parse(path.name, path).text.startswith("Subject: ")
