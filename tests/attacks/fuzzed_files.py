"""Hostile files of every format that is read: small valid ones, changed by a seed, and bombs, loops and lies.

A format that is added joins by its ending; a file of its kind that `tests.fixtures_parse` makes is changed too.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image
from tests import fixtures_parse as make
from tests.pictures import page_picture, saved

from muniment.knowledge.formats import EXTENSIONS
from muniment.knowledge.ingestion.parse.image import PLUGINS


@dataclass(frozen=True)
class Hostile:
    """A file that wants to do harm."""

    name: str
    build: Callable[[], bytes]


@cache
def valid(kind: str) -> bytes:
    """Return a small valid file of a kind, or what many a reader would begin to read."""
    made: dict[str, Callable[[], bytes]] = {
        "docx": make.word,
        "pptx": make.slides,
        "xlsx": make.workbook,
        "eml": make.mail,
    }
    builder = made.get(kind) or getattr(make, kind, None)
    if kind in PLUGINS:
        return page_picture("Leave", PLUGINS[kind])
    if callable(builder):
        return builder()
    return b'<html><h1>Leave</h1><p>{"days": [25, 30]}</p></html>\n\nGrade, Days\nL5, 25\n' * 20


def changed(content: bytes, how: str, seed: int) -> bytes:
    """Return a file after an accident, or what looks like one; the same for the same seed."""
    chance = random.Random(f"{how} {seed}")
    made = bytearray(content)
    at = chance.randrange(len(made))
    if how == "flipped":
        for _ in range(1 + len(made) // 200):
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    elif how == "cut":
        del made[at:]
    elif how == "lying":
        for _ in range(4):
            place = chance.randrange(max(1, len(made) - 4))
            made[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"))
    elif how == "repeated":
        made[at:at] = made[at : at + 4_000] * 50
    elif how == "shuffled":
        pieces = [made[place : place + 512] for place in range(0, len(made), 512)]
        chance.shuffle(pieces)
        made = bytearray(b"".join(pieces))
    return bytes(made)


CHANGES = ("flipped", "flipped", "flipped", "cut", "cut", "lying", "lying", "repeated", "shuffled")


def fuzzed() -> Iterator[Hostile]:
    """Yield valid files of every kind, changed."""
    endings = {kind: ending for ending, kind in EXTENSIONS.items()}
    for kind, ending in endings.items():
        for seed, how in enumerate(CHANGES):
            yield Hostile(
                f"{how}-{seed}.{ending}",
                lambda kind=kind, how=how, seed=seed: changed(valid(kind), how, seed),
            )


def anywhere(canary: Path, port: int) -> dict[str, Callable[[], bytes]]:
    """Return what is tried under every ending."""
    xxe = (
        f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY f SYSTEM "file://{canary}"><!ENTITY n SYSTEM '
        f'"http://127.0.0.1:{port}/x"><!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p">%p;]><r>&f;&n;</r>'
    )
    laughs = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    return {
        "xxe": xxe.encode,
        "laughs": (laughs + "]><r>&j;</r>").encode,
        "brackets": lambda: b"[" * 200_000,
        "keys": lambda: b'{"a":' * 100_000,
        "tags": lambda: b"<a>" * 100_000,
        "zip-bomb": lambda: zipped(
            {"word/document.xml": b" " * (12 << 20), "content.xml": b" " * (12 << 20)}
        ),
        "gzip-bomb": lambda: gzip.compress(bytes(24 << 20), 9, mtime=0),
        "nested": nested,
        "noise": lambda: random.Random(1).randbytes(100_000),
    }


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


@cache
def nested() -> bytes:
    inner = zipped({"a.txt": bytes(10 << 20)})
    for _ in range(6):
        inner = zipped({f"{copy}.zip": inner for copy in range(4)})
    return inner


def picture_bombs() -> dict[str, Callable[[], bytes]]:
    """Return pictures that decode to far more than they are."""

    def png(width: int, height: int, rows: bytes) -> bytes:
        def piece(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", rows) + piece(b"IEND", b"")

    def loop() -> bytes:
        """Return a TIFF whose second page is its first."""
        made = bytearray(saved([Image.new("L", (64, 64), 255)], "TIFF"))
        at = struct.unpack_from("<I", made, 4)[0]
        entries = struct.unpack_from("<H", made, at)[0]
        struct.pack_into("<I", made, at + 2 + 12 * entries, at)
        return bytes(made)

    return {
        "endless.png": lambda: png(2**31 - 1, 2**31 - 1, zlib.compress(b"\0" * 1000)),
        "wide.png": lambda: png(30_000_000, 8, zlib.compress(b"\0" * (1 << 20))),
        "inflating.png": lambda: png(6_000, 6_000, zlib.compress(b"\0" * (6_000 * 18_001), 9)),
        "white.png": lambda: saved([Image.new("RGBA", (6_000, 6_000), "white")], "PNG"),
        "large.gif": lambda: (
            b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0;"
        ),
        "loop.tif": loop,
        "large.bmp": lambda: (
            b"BM" + struct.pack("<IIIIiiHH", 99, 0, 54, 40, 2**30, -(2**30), 1, 24) + bytes(24)
        ),
        "large.webp": lambda: b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\xff\xff\xff\x0f" + bytes(9),
        "comment.jpg": lambda: page_picture("a", "JPEG")[:2] + b"\xff\xfe\xff\xff" * 50_000,
    }


def pdf_bombs() -> dict[str, Callable[[], bytes]]:
    """Return PDF files that go on for ever, or inflate."""
    head = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj "
    page = b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj 3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 900 900]"

    def picture(width: int, height: int, times: int) -> bytes:
        stream = b"\0" * (20 << 20)
        for _ in range(times):
            stream = zlib.compress(stream, 9)
        body = head + page + b"/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>endobj "
        body += b"4 0 obj<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB" % (
            width,
            height,
        )
        body += b"/BitsPerComponent 8/Filter[%s]/Length %d>>stream\n" % (b"/FlateDecode" * times, len(stream))
        draw = b"900 0 0 900 0 0 cm /I Do"
        body += stream + b"\nendstream endobj 5 0 obj<</Length %d>>stream\n" % len(draw) + draw
        return body + b"\nendstream endobj trailer<</Root 1 0 R>>"

    form = b"4 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</I 4 0 R>>>>"
    form += b"/Length 5>>stream\n/I Do"
    return {
        "picture.pdf": lambda: picture(30_000, 30_000, 1),
        "inflating.pdf": lambda: picture(2_600, 2_600, 2),
        "pages.pdf": lambda: (
            head + b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9999999>>endobj trailer<</Root 1 0 R>>"
        ),
        "form.pdf": lambda: (
            head
            + page
            + b"/Resources<</XObject<</I 4 0 R>>>>/Contents 4 0 R>>endobj "
            + form
            + b"\nendstream endobj trailer<</Root 1 0 R>>"
        ),
        "side.pdf": lambda: make.pdf(1, text=False).replace(
            b"/MediaBox", b"/MediaBox[0 0 1e30 1e30]/MediaBox0"
        ),
        "deep.pdf": lambda: head + b"2 0 obj" + b"[" * 100_000 + b"endobj trailer<</Root 1 0 R>>",
    }


def mail_bombs() -> dict[str, Callable[[], bytes]]:
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3_000)
    )
    return {
        "parts.eml": lambda: b"From: a@b\nSubject: x\n" + parts,
        "headers.eml": lambda: b"From: a@b\n" + b"Received: x\n" * 100_000 + b"\nHello",
        "columns.csv": lambda: b"a," * 500_000 + b"\n1",
        "quotes.csv": lambda: b'"' * 1_000_001,
        "links.md": lambda: b"[a](" * 100_000,
        "deep.html": lambda: b"<div><table><tr><td>" * 60_000,
    }


def everything(canary: Path, port: int) -> list[Hostile]:
    """Return all hostile files, the same each time."""
    made = list(fuzzed())
    made += [
        Hostile(f"{what}.{ending}", build)
        for what, build in anywhere(canary, port).items()
        for ending in sorted(set(EXTENSIONS))
    ]
    for bombs in (picture_bombs(), pdf_bombs(), mail_bombs()):
        made += [Hostile(name, build) for name, build in bombs.items()]
    return made
