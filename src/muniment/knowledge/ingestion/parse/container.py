"""Check a ZIP container before any reader opens it.

Invariants of what passes: a bounded number of entries, each with a harmless unique name; no links; a bounded
size, for XML measured by inflating, not by believing the directory; no XML part declares a document type, so no
entity, external or exponential, exists to be expanded (pages of a book may name theirs, and still no entity).
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from muniment.knowledge.ingestion.parsed import ParseFailed

MOST_ENTRIES = 10_000
MOST_BYTES = 200 << 20
"""All entries inflated, media included."""
MOST_XML_BYTES = 24 << 20
"""One XML part inflated; a document tree takes some eight times that in memory."""
MOST_RATIO = 200
"""Inflated to packed size, for entries above one mebibyte."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_PLAIN_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"utf-16", b"windows-1252")
_FIX = "Save it again from its program; do not open it if you do not know where it comes from."
_END = b"PK\x05\x06"


def check_container(content: bytes, *, pages: bool = False) -> None:
    """Raise ParseFailed unless the container is harmless; takes at most a second and some megabytes.

    `pages` lets web pages say which document type they are.
    """
    with opened(content) as archive:
        total = 0
        for entry in archive.infolist():
            total += _inflate(archive, entry, pages)
            if total > MOST_BYTES:
                raise bomb(f"inflates to more than {MOST_BYTES >> 20} MiB")


@contextmanager
def opened(content: bytes, *, parts_are_xml: bool = True) -> Generator[zipfile.ZipFile]:
    """Open a container whose directory is harmless; whatever goes wrong with it inside is a ParseFailed."""
    _check_count(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            check_names([entry.orig_filename for entry in entries])
            if any(entry.external_attr >> 28 == 0o12 for entry in entries):
                raise link()
            _check_declared_sizes(entries, parts_are_xml)
            yield archive
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        if isinstance(error, ParseFailed):
            raise
        if "encrypted" in str(error):
            raise ParseFailed(
                "is protected by a password.", fix="Save a copy without the password."
            ) from error
        raise ParseFailed(
            "is damaged: its container cannot be read.", fix="Save or copy it again."
        ) from error


def declared_type(content: bytes) -> str:
    """Return the media type that a container states in its first entry, as OpenDocument and EPUB do."""
    if (
        not content.startswith(b"PK\x03\x04")
        or content[30:38] != b"mimetype"
        or content[26:28] != b"\x08\x00"
    ):
        return ""
    start = 38 + int.from_bytes(content[28:30], "little")
    stated = content[start : start + 200]
    if content[8:10] == b"\x08\x00":
        try:
            stated = zlib.decompressobj(-15).decompress(stated, 200)
        except zlib.error:
            return ""
    else:
        stated = stated[: int.from_bytes(content[18:22], "little")]
    return stated.decode("ascii", "replace").strip()


def _check_count(content: bytes) -> None:
    """Count the entries from the end record, before a library builds a list of them."""
    end = content.rfind(_END, max(0, len(content) - 65_557))
    if end < 0 or end + 22 > len(content):
        raise ParseFailed("is damaged: it is cut off before its end.", fix="Save or copy it again.")
    entries, size, start = struct.unpack_from("<HII", content, end + 10)
    if entries > MOST_ENTRIES or size > len(content) or start > len(content):
        raise bomb(f"lists more than {MOST_ENTRIES:,} entries")
    if content.count(b"PK\x01\x02", max(0, end - size)) > MOST_ENTRIES:
        raise bomb(f"lists more than {MOST_ENTRIES:,} entries")


def check_names(names: Iterable[str]) -> None:
    """Raise ParseFailed unless every name is relative, stays inside, can be a file's anywhere, and is unique."""
    seen: set[str] = set()
    for name in names:
        parts = name.rstrip("/").split("/")
        if (
            any(part in ("", ".", "..") for part in parts)
            or any(letter in name for letter in "\\:\x00")
            or any(_RESERVED.fullmatch(part) for part in parts)
        ):
            raise ParseFailed("holds an entry with a dangerous name.", fix=_FIX)
        if name.lower() in seen:
            raise ParseFailed("holds two entries of the same name.", fix=_FIX)
        seen.add(name.lower())


def link() -> ParseFailed:
    """Return the failure of an archive that holds a link or a device."""
    return ParseFailed("holds a link instead of content.", fix=_FIX)


def _check_declared_sizes(entries: list[zipfile.ZipInfo], parts_are_xml: bool) -> None:
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise bomb(f"inflates to more than {MOST_BYTES >> 20} MiB")
    for entry in entries:
        if entry.file_size > 1 << 20 and entry.file_size > MOST_RATIO * max(1, entry.compress_size):
            raise bomb(f"inflates more than {MOST_RATIO} times")
        if parts_are_xml and _is_xml(entry.filename) and entry.file_size > MOST_XML_BYTES:
            raise ParseFailed(
                f"holds a part of more than {MOST_XML_BYTES >> 20} MiB.", fix="Split it into smaller files."
            )


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, pages: bool) -> int:
    """Return the entry's true size, having checked its content as it went by."""
    if not _is_xml(entry.filename):
        return entry.file_size  # the libraries keep media packed or inflate them to the declared size
    size = 0
    head = b""
    with archive.open(entry) as part:
        while piece := part.read(1 << 20):
            if not size:
                _check_encoding(piece[:200])
            size += len(piece)
            _check_markup(head + piece, pages)
            head = piece[-32:]
    if size > max(entry.file_size, 0) or size > MOST_XML_BYTES:
        raise bomb("inflates to more than it declares")
    return size


def _is_xml(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels", ".vml", ".svg", ".xhtml", ".html", ".opf", ".ncx"))


def _check_markup(piece: bytes, pages: bool) -> None:
    if b"\x00" in piece:
        piece = piece.replace(b"\x00", b"")
    if b"<!ENTITY" in piece or (not pages and b"<!DOCTYPE" in piece):
        raise ParseFailed("declares XML entities, which no Office program writes.", fix=_FIX)


def _check_encoding(head: bytes) -> None:
    declared = _ENCODING.search(head.replace(b"\x00", b"").split(b"?>")[0])
    if declared and declared.group(1).lower() not in _PLAIN_ENCODINGS:
        raise ParseFailed("holds XML in an unusual encoding.", fix=_FIX)


def bomb(what: str) -> ParseFailed:
    """Return the failure of an archive that does what only a bomb does."""
    return ParseFailed(f"{what}, as a decompression bomb does.", fix=_FIX)
