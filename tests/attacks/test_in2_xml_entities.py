"""IN2: XXE, billion laughs, external DTDs and remote templates read no file and send no packet."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import fixtures_parse as make

from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.ingestion.parser import Parser

CANARY = "canary-5f2c"


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    made = Parser()
    made.start()
    yield made
    made.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def silent(listener: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        listener.accept()
        return False
    return True


def doctypes(file: Path, port: int) -> dict[str, str]:
    laughs = '<!DOCTYPE r [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    return {
        "file": f'<!DOCTYPE r [<!ENTITY x SYSTEM "file://{file}">]>',
        "net": f'<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]>',
        "external": f'<!DOCTYPE r SYSTEM "http://127.0.0.1:{port}/x.dtd">',
        "parameter": f'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p">%p;]>',
        "laughs": laughs + '<!ENTITY x "&j;">]>',
    }


@pytest.mark.parametrize("kind", ["file", "net", "external", "parameter", "laughs"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("name", "entry"),
    [("x.docx", "word/document.xml"), ("x.pptx", "ppt/slides/slide1.xml"), ("x.xlsx", "xl/worksheets/sheet1.xml"),
     ("x.docx", "docProps/core.xml"), ("x.xlsx", "xl/_rels/workbook.xml.rels")],
)  # fmt: skip
def test_office_files_with_entities_are_refused(
    parser: Parser, listener: socket.socket, tmp_path: Path, kind: str, encoding: str, name: str, entry: str
) -> None:
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    build = {"docx": make.word, "pptx": make.slides, "xlsx": make.workbook}[name[2:]]
    text = make.part(build(), entry).decode()
    head, _, rest = text.partition("?>")
    doctype = doctypes(canary, listener.getsockname()[1])[kind]
    hostile = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}' + rest.replace("</", "&x;</", 1)
    assert head
    started = time.monotonic()
    with pytest.raises(ParseFailed, match="declares XML entities"):
        parser.parse(name, make.repacked(build(), {entry: hostile.encode(encoding)}))
    assert time.monotonic() - started < 2.0
    assert silent(listener)


def test_a_remote_template_is_never_fetched(parser: Parser, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" '
        f'Target="http://127.0.0.1:{port}/evil.dotm" TargetMode="External"/></Relationships>'
    )
    hostile = make.repacked(make.word(), {"word/_rels/settings.xml.rels": relations.encode()})
    assert "Parents receive twenty weeks." in parser.parse("template.docx", hostile).text
    assert silent(listener)


@pytest.mark.parametrize("name", ["page.html", "page.md", "page.eml", "page.txt"])
def test_pages_load_nothing(parser: Parser, listener: socket.socket, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    page = (
        f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY x SYSTEM "file://{canary}">]><html><head>'
        f'<link rel="stylesheet" href="{base}/a.css"><base href="{base}"></head><body><p>Shown &x; text</p>'
        f'<img src="{base}/a.png"><iframe src="file://{canary}"></iframe><object data="{base}/o"></object>'
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="{base}/s"/><text>svg</text></svg>'
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{canary}" parse="text"/></body></html>'
    )
    content = make.mail(html=page) if name.endswith("eml") else page.encode()
    assert CANARY not in read(parser, name, content).text
    assert silent(listener)


def test_a_pdf_that_names_files_and_addresses_reaches_none(
    parser: Parser, listener: socket.socket, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    action = f"<</S/URI/URI({base}/u)/Next<</S/GoToR/F({canary})>>>>"
    hostile = make.pdf().replace(b"/Type /Catalog", b"/Type /Catalog /OpenAction " + action.encode(), 1)
    assert CANARY not in read(parser, "open.pdf", hostile).text
    assert silent(listener)


def read(parser: Parser, name: str, content: bytes) -> Parsed:
    return parser.parse(name, content)
