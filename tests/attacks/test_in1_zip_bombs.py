"""IN1: zip bombs, slips, links, absolute and reserved names are refused within 2 s and 256 MiB."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from tests import fixtures_parse as make

from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import Parser

MOST_SECONDS, MOST_MEBIBYTES = 2.0, 256


def ratio_bomb() -> bytes:
    return make.repacked(make.word(), {"word/media/image1.png": b"\0" * (200 << 20)})


def xml_bomb() -> bytes:
    text = make.part(make.word(), "word/document.xml")
    return make.repacked(
        make.word(), {"word/document.xml": text.replace(b"<w:p>", b"<w:p>" + b" " * (64 << 20), 1)}
    )


def shared_string_bomb() -> bytes:
    return make.repacked(
        make.workbook(), {"xl/sharedStrings.xml": b"<sst>" + b"<si><t>a</t></si>" * 5_000_000}
    )


def lying_bomb() -> bytes:
    """One whose directory says that a part inflates to 1,000 bytes."""
    bomb = bytearray(make.repacked(make.word(), {"word/document.xml": b"<w:document>" + b" " * (100 << 20)}))
    at = bomb.rfind(b"PK\x01\x02")
    while not bomb[at + 46 :].startswith(b"word/document.xml"):
        at = bomb.rfind(b"PK\x01\x02", 0, at)
    bomb[at + 24 : at + 28] = struct.pack("<I", 1_000)
    local = struct.unpack_from("<I", bomb, at + 42)[0]
    bomb[local + 22 : local + 26] = struct.pack("<I", 1_000)
    return bytes(bomb)


def many_small_parts() -> bytes:
    return make.repacked(make.word(), {f"word/part{n}.xml": b"<a/>" + b" " * (20 << 20) for n in range(12)})


def million_entries() -> bytes:
    """A directory of 10^6 entries over one stored file."""
    name = b"word/document.xml"
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    entry = (
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
        + name
    )
    directory = entry * 1_000_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), len(local), 0)
    return local + directory + end


def nested() -> bytes:
    inner = make.word()
    for _ in range(2):
        holder = io.BytesIO()
        with zipfile.ZipFile(holder, "w", zipfile.ZIP_DEFLATED) as archive:
            for copy in range(8):
                archive.writestr(f"{copy}.zip", inner)
        inner = holder.getvalue()
    return inner


def overlapping() -> bytes:
    """Many directory entries that all point at the same packed bytes."""
    packed = zlib.compress(b" " * (20 << 20), 9)[2:-4]
    name = b"word/0000.xml"
    local = (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(packed), 20 << 20, len(name), 0) + name
    )
    entries = b""
    for number in range(5_000):
        each = b"word/%04d.xml" % number
        sizes = (0, len(packed), 20 << 20)
        entries += struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, *sizes, len(each), 0, 0, 0, 0, 0, 0
        )
        entries += each
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, 5_000, 5_000, len(entries), len(local) + len(packed), 0
    )
    return local + packed + entries + end


def named(name: str, *, link: bool = False) -> Callable[[], bytes]:
    def build() -> bytes:
        made = io.BytesIO(make.word())
        with zipfile.ZipFile(made, "a") as archive:
            entry = zipfile.ZipInfo("word/placeholder.xml")
            entry.filename = name
            entry.external_attr = (0o120777 << 16) if link else 0
            archive.writestr(entry, "/etc/passwd")
        return made.getvalue()

    return build


BOMBS: dict[str, Callable[[], bytes]] = {
    "ratio": ratio_bomb,
    "xml": xml_bomb,
    "shared strings": shared_string_bomb,
    "lying": lying_bomb,
    "many parts": many_small_parts,
    "million entries": million_entries,
    "nested": nested,
    "overlapping": overlapping,
    "slip": named("../../etc/cron.d/job"),
    "absolute": named("/etc/passwd"),
    "drive": named("C:/Windows/system.ini"),
    "backslash": named("..\\..\\x"),
    "link": named("word/link", link=True),
    "reserved": named("word/CON.xml"),
    "duplicate": named("WORD/document.xml"),
}


@cache
def built(bomb: str) -> bytes:
    return BOMBS[bomb]()


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    made = Parser()
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", ["bomb.docx", "bomb.xlsx", "bomb.txt"])
def test_a_hostile_container_is_refused_in_time_and_memory(parser: Parser, bomb: str, name: str) -> None:
    content = built(bomb)
    started = time.monotonic()
    with pytest.raises(ParseFailed) as refused:
        parser.parse(name, content)
    assert time.monotonic() - started < MOST_SECONDS
    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)
    assert peak_mebibytes(parser) < MOST_MEBIBYTES
    assert parser.parse("next.txt", b"still here").text == "still here"


def test_a_huge_picture_in_a_pdf_is_never_decoded(parser: Parser) -> None:
    stream = zlib.compress(b"\0" * (30_000 * 3_000), 9)
    image = b"<</Type/XObject/Subtype/Image/Width 30000/Height 30000/ColorSpace/DeviceRGB/BitsPerComponent 8"
    body = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    body += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>"
    body += b"endobj 4 0 obj" + image + b"/Filter/FlateDecode/Length %d>>stream\n" % len(stream) + stream
    body += b"\nendstream endobj 5 0 obj<</Length 5>>stream\n/I Do\nendstream endobj trailer<</Root 1 0 R>>"
    started = time.monotonic()
    with pytest.raises(ParseFailed, match="holds no text, only pictures"):
        parser.parse("huge.pdf", body)
    assert time.monotonic() - started < MOST_SECONDS
    assert peak_mebibytes(parser) < MOST_MEBIBYTES


@pytest.mark.parametrize("times", [1, 2])
def test_a_pdf_whose_page_inflates_without_end_is_refused(parser: Parser, times: int) -> None:
    stream = b" " * (300 << 20)
    for _ in range(times):
        stream = zlib.compress(stream, 9)
    head = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    head += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R>>endobj 5 0 obj"
    head += b"<</Filter[%s]/Length %d>>stream\n" % (b"/FlateDecode" * times, len(stream))
    started = time.monotonic()
    with pytest.raises(ParseFailed):
        parser.parse("bomb.pdf", head + stream + b"\nendstream endobj trailer<</Root 1 0 R>>")
    assert time.monotonic() - started < MOST_SECONDS
    assert peak_mebibytes(parser) < MOST_MEBIBYTES


def peak_mebibytes(parser: Parser) -> int:
    """Return the most memory that the child ever held; 0 when it was replaced after being stopped."""
    pid = parser._sandbox.pid
    if pid is None:
        return 0
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10
