"""IN1: hostile archives, books, mails and documents of the further formats are contained within 2 s and 256 MiB."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from tests import fixtures_formats as made
from tests.attacks.test_in1_zip_bombs import MOST_MEBIBYTES, MOST_SECONDS, million_entries, peak_mebibytes

from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.ingestion.parser import Parser


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    one = Parser()
    one.start()
    yield one
    one.close()


def named(name: str, *, link: bool = False) -> bytes:
    out = io.BytesIO(made.zipped({"a.txt": b"Words"}))
    with zipfile.ZipFile(out, "a") as archive:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        entry.external_attr = (0o120777 << 16) if link else 0
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def lying_zip() -> bytes:
    bomb = bytearray(made.zipped({"a.txt": b"Words " * 4_000_000}))
    at = bomb.rfind(b"PK\x01\x02")
    bomb[at + 24 : at + 28] = bomb[22:26] = struct.pack("<I", 1_000)
    return bytes(bomb)


def endless_name() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 90 << 20
    return header.tobuf() + b"9" * 2_000_000


def declared(size: int) -> bytes:
    header = tarfile.TarInfo("a.txt")
    header.size = size
    return header.tobuf(tarfile.GNU_FORMAT) + b"Words"


REFUSED: dict[str, Callable[[], bytes]] = {
    "ratio.zip": lambda: made.zipped({"a.txt": b"\0" * (30 << 20)}),
    "lying.zip": lying_zip,
    "entries.zip": million_entries,
    "slip.zip": lambda: named("../../etc/cron.d/job"),
    "absolute.zip": lambda: named("/etc/passwd"),
    "drive.zip": lambda: named("C:/Windows/system.ini"),
    "backslash.zip": lambda: named("..\\..\\x.txt"),
    "link.zip": lambda: named("a/link.txt", link=True),
    "reserved.zip": lambda: named("hr/CON.txt"),
    "twice.zip": lambda: named("A.TXT"),
    "ratio.tgz": lambda: made.tarred({"a.txt": b"\0" * (30 << 20)}, "w:gz"),
    "total.tar.gz": lambda: gzip.compress(
        declared(101 << 20)[:512] + os.urandom(1 << 20) + bytes(100 << 20), 1
    ),
    "entries.tgz": lambda: gzip.compress(tarfile.TarInfo("a.txt").tobuf() * 10_050),
    "slip.tar": lambda: made.tarred({"../a.txt": b"x"}),
    "absolute.tar": lambda: made.tarred({"/etc/a.txt": b"x"}),
    "reserved.tar": lambda: made.tarred({"nul.txt": b"x"}),
    "link.tar": lambda: made.tarred({"a.txt": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard.tar": lambda: made.tarred({"a.txt": b""}, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "device.tar": lambda: made.tarred({"a.txt": b""}, type=tarfile.CHRTYPE),
    "name.tar": endless_name,
    "size.tar": lambda: declared(1 << 62),
    "cells.ods": lambda: made.open_sheet(
        '<table:table-row table:number-rows-repeated="999999999"><table:table-cell '
        'table:number-columns-repeated="999999999" office:value-type="float" office:value="1"/></table:table-row>'
    ),
    "rows.ods": lambda: made.open_sheet(
        '<table:table-row table:number-rows-repeated="900000"><table:table-cell><text:p>'
        + "long " * 100_000
        + "</text:p></table:table-cell></table:table-row>"
    ),
    "inflated.odt": lambda: made.open_text("<text:p>" + " " * (30 << 20) + "</text:p>"),
    "missing.epub": lambda: made.zipped({"mimetype": "application/epub+zip"}),
    "groups.rtf": lambda: b"{\\rtf1 " + b"{" * 3_000_000,
    "deep.json": lambda: b"[" * 3_000_000,
    "deep.xml": lambda: b"<a>" * 100_000 + b"x" + b"</a>" * 100_000,
    "packed.msg": lambda: made.outlook(
        body="", p10090102=struct.pack("<II4sI", 99, 0xFFFFFFFF, b"LZFu", 0) + b"\0" * 99
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused_in_time_and_memory(parser: Parser, name: str) -> None:
    content = REFUSED[name]()
    started = time.monotonic()
    with pytest.raises(ParseFailed) as refused:
        parser.parse(name, content)
    assert time.monotonic() - started < MOST_SECONDS
    assert refused.value.fix and "\n" not in str(refused.value)
    assert "holds no file that can be read" not in refused.value.public, "it was read, and held nothing"
    assert peak_mebibytes(parser) < MOST_MEBIBYTES
    assert parser.parse("next.txt", b"still here").text == "still here"


def nested_archives(depth: int = 5, width: int = 8) -> bytes:
    inner = made.zipped({f"{n}.txt": b"Deepest words" for n in range(width)})
    for _ in range(depth):
        inner = made.zipped({"here.txt": b"Words here", **{f"{n}.zip": inner for n in range(width)}})
    return inner


def attached(count: int, content: bytes = b"Words") -> bytes:
    message = EmailMessage()
    message["Subject"] = "x"
    message.set_content("Body")
    for number in range(count):
        message.add_attachment(content, maintype="text", subtype="plain", filename=f"{number}.txt")
    return message.as_bytes()


def mails_in_mails(depth: int) -> bytes:
    mail = b"Subject: innermost\n\nDeepest words"
    for _ in range(depth):
        mail = b"Subject: outer\nContent-Type: message/rfc822\n\n" + mail
    return mail


def circular(what: str) -> bytes:
    """Return a message whose sectors, or whose directory, lead back to themselves."""
    message = bytearray(made.outlook(files={"a.txt": b"Words " * 2_000}))
    if what == "sectors":
        table = struct.unpack_from("<I", message, 76)[0] * 512 + 512
        message[table : table + 40] = struct.pack("<10I", *range(10))
    else:
        directory = struct.unpack_from("<I", message, 48)[0] * 512 + 512
        for entry in range(1, 8):
            at = directory + entry * 128
            message[at + 68 : at + 80] = struct.pack("<3I", entry, entry, entry)
    return bytes(message)


def styles_in_a_circle() -> bytes:
    loop = "".join(
        f'<style:style style:name="S{n}" style:parent-style-name="S{(n + 1) % 5_000}"/>' for n in range(5_000)
    )
    return made.open_document("text", "<text:p>Words</text:p>", loop)


CONTAINED: dict[str, Callable[[], bytes]] = {
    "nested.zip": nested_archives,
    "nested.tar": lambda: made.tarred({"a.txt": b"Words", "in.zip": nested_archives(4)}),
    "bomb.eml": lambda: attached(1, made.zipped({"a.txt": b"\0" * (30 << 20)})),
    "many.eml": lambda: attached(480),
    "mails.eml": lambda: mails_in_mails(40),
    "sectors.msg": lambda: circular("sectors"),
    "directory.msg": lambda: circular("directory"),
    "styles.odt": styles_in_a_circle,
    "spaces.odt": lambda: made.open_text('<text:p>W<text:s text:c="99999999"/>x</text:p>' * 1_000),
    "spans.odt": lambda: made.open_text(
        f"<text:p>{'<text:span>' * 50_000}W{'</text:span>' * 50_000}</text:p>"
    ),
    "spine.epub": lambda: made.book({f"c{n}": "<p>Words" for n in range(300)}),
    "binary.rtf": lambda: b"{\\rtf1 Words\\bin2147483647 x}",
    "bytes.rtf": lambda: b"{\\rtf1 Words " + b"\\'e9" * 100_000 + b"}",
    "rows.rtf": lambda: b"{\\rtf1 " + b"\\intbl a\\cell\\row " * 10_000 + b"\\pard Words\\par}",
    "tags.xml": lambda: b"<r>" + b"<a/>" * 100_000 + b"Words</r>",
    "keys.json": lambda: json.dumps({"k" * 900: {str(n): n for n in range(3_000)}}).encode(),
    "digits.json": lambda: b'{"a": ' + b"9" * 500_000 + b"}",
    "line.c": lambda: b"int " + b"a *" * 40_000 + b"\n" + b"unsigned " * 32 + b"x\n" * 9,
    "lines.c": lambda: (b"int a, b(" * 30 + b"\n") * 3_000,
    "lines.rs": lambda: (b"pub static async " * 16 + b"\n") * 5_000,
    "selectors.css": lambda: (b"a " * 140 + b"\n") * 5_000,
}


@pytest.mark.parametrize("name", CONTAINED)
def test_a_file_that_is_made_to_exhaust_is_read_or_refused_in_time_and_memory(
    parser: Parser, name: str
) -> None:
    content = CONTAINED[name]()
    started = time.monotonic()
    try:
        text = parser.parse(name, content).text
    except ParseFailed as failed:
        text = "Words" if failed.fix and "\n" not in str(failed) else ""
    assert time.monotonic() - started < MOST_SECONDS
    assert "Deepest" not in text and text
    assert peak_mebibytes(parser) < MOST_MEBIBYTES
    assert parser.parse("next.txt", b"still here").text == "still here"


def test_what_lies_too_deep_is_named(parser: Parser) -> None:
    parsed = parser.parse("x.zip", nested_archives(3, 1))
    assert parsed.text.count("Words here") == 2 and "Deepest" not in parsed.text
    assert any("lies more than 2 files deep" in note for note in parsed.notes)


def test_names_that_are_not_read_do_not_fill_the_notes(parser: Parser) -> None:
    parsed = parser.parse("x.zip", made.zipped({f"{n}.png": b"x" for n in range(500)} | {"a.txt": b"Words"}))
    assert len(parsed.notes) == 21 and parsed.notes[-1] == "not read: 480 further files"
