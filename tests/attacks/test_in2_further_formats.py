"""IN2: the further XML formats expand no entity, read no file and send no packet."""

from __future__ import annotations

import io
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import fixtures_formats as made
from tests import fixtures_parse as office
from tests.attacks.test_in2_xml_entities import CANARY, doctypes, listener, silent

from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import Parser

__all__ = ["listener"]


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    one = Parser()
    one.start()
    yield one
    one.close()


BOOK = made.book({"one": "<p>Words"})
HOSTILE = {
    "content.odt": (made.open_text(), "content.xml"),
    "meta.ods": (made.open_sheet(), "meta.xml"),
    "slides.odp": (made.open_slides(), "content.xml"),
    "container.epub": (BOOK, "META-INF/container.xml"),
    "package.epub": (BOOK, "OEBPS/package.opf"),
    "alone.xml": (b"", ""),
}


def parts(container: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("kind", ["file", "net", "parameter", "laughs"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", HOSTILE)
def test_entities_are_refused(
    parser: Parser, listener: socket.socket, tmp_path: Path, kind: str, encoding: str, name: str
) -> None:
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    container, entry = HOSTILE[name]
    text = office.part(container, entry).decode().rpartition("?>")[2] if container else "<r><a>x</a></r>"
    doctype = doctypes(canary, listener.getsockname()[1])[kind]
    hostile = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}{text.replace("</", "&x;</", 1)}'.encode(
        encoding
    )
    content = made.zipped({**parts(container), entry: hostile}) if container else hostile
    started = time.monotonic()
    with pytest.raises(ParseFailed, match="declares XML entities"):
        parser.parse(name, content)
    assert time.monotonic() - started < 2.0
    assert silent(listener)
