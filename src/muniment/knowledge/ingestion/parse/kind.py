"""What a file claims to be, and what its bytes say."""

from __future__ import annotations

from pathlib import PurePosixPath

from muniment.knowledge.formats import EXTENSIONS, MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import declared_type
from muniment.knowledge.ingestion.parse.image import PLUGINS
from muniment.knowledge.ingestion.parsed import ParseFailed

_NAMES = {
    "md": "a Markdown file",
    "txt": "a text file",
    "html": "a web page",
    "csv": "a CSV file",
    "eml": "an e-mail",
    "pdf": "a PDF",
    "docx": "a Word document",
    "pptx": "a PowerPoint file",
    "xlsx": "an Excel workbook",
    "odt": "an OpenDocument text",
    "ods": "an OpenDocument spreadsheet",
    "odp": "an OpenDocument presentation",
    "rtf": "an RTF document",
    "epub": "an EPUB book",
    "msg": "an Outlook message",
    "json": "a JSON file",
    "jsonl": "a file of JSON lines",
    "xml": "an XML file",
    "ipynb": "a notebook",
    "source": "source code",
    "zip": "a ZIP archive",
    "tar": "a tar archive",
    "png": "a PNG image",
    "jpg": "a JPEG image",
    "tiff": "a TIFF image",
    "webp": "a WebP image",
    "gif": "a GIF image",
    "bmp": "a BMP image",
}
_OLD_OFFICE = "an old Office file (before 2007)"
_OLD = {
    "doc": ("an old Word file", "docx"),
    "dot": ("an old Word file", "docx"),
    "xls": ("an old Excel file", "xlsx"),
    "xlt": ("an old Excel file", "xlsx"),
    "ppt": ("an old PowerPoint file", "pptx"),
    "pps": ("an old PowerPoint file", "pptx"),
}
"""Binary formats that are not read, and what to save them as."""
_IN_ZIP = frozenset({"docx", "pptx", "xlsx", "odt", "ods", "odp", "epub", "zip"})
_BY_BYTES = frozenset({"pdf", "rtf", "msg", "tar"})

_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"PK\x07\x08", "a ZIP archive in pieces"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLD_OFFICE),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"(\xb5/\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"\xfe\xed\xfa", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"{\\rtf", "rtf"),
    (b"%!PS", "a PostScript file"),
    (b"OggS", "an audio file"),
    (b"ID3", "an audio file"),
    (b"RIFF", "a media file"),
    (b"PAR1", "a Parquet file"),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OF_A_MESSAGE = "__properties_version1.0".encode("utf-16-le")


def kind_of(name: str, content: bytes) -> str:
    """Return the kind of the file; raises ParseFailed where name and bytes disagree or are unknown."""
    extension = PurePosixPath(name.replace("\\", "/")).suffix[1:].lower()
    kind = EXTENSIONS.get(extension)
    if kind is None:
        raise _unreadable(extension, content)
    if not content or (len(content) < 1 << 16 and not content.strip()):
        raise ParseFailed("is empty.", fix="Add text, or leave the file out.")
    found = _found(content)
    if found == kind or (kind in PLUGINS and _NAMES[kind] == _picture(content)):
        return kind
    if kind in _IN_ZIP:
        _check_container(kind, extension, content, found)
    elif kind == "tar" and found == "a gzip archive":
        return kind
    elif kind in _BY_BYTES or kind in PLUGINS or found:
        raise ParseFailed(
            f"is named .{extension} but is {_NAMES.get(found, found) or 'text'}, not {_NAMES[kind]}.",
            fix="Give it the right extension, or export it again.",
        )
    return kind


def _unreadable(extension: str, content: bytes) -> ParseFailed:
    if extension in _OLD:
        what, save_as = _OLD[extension]
        found = _found(content)
        if found in ("", _OLD_OFFICE):
            return ParseFailed(
                f"is {what} (.{extension}), which cannot be read.", fix=f"Save it as .{save_as}."
            )
        return ParseFailed(
            f"is named .{extension} but is {_NAMES.get(found, found)}.",
            fix=f"Give it the right extension, or save it as .{save_as}.",
        )
    shown = f"the type .{extension}" if extension.isalnum() else "no known type in its name"
    return ParseFailed(
        f"has {shown}, which cannot be read.", fix=f"Use one of: {', '.join(sorted(EXTENSIONS))}."
    )


def _check_container(kind: str, extension: str, content: bytes, found: str) -> None:
    if found == _OLD_OFFICE and "EncryptedPackage".encode("utf-16-le") in content:
        raise ParseFailed("is protected by a password.", fix="Save a copy without the password.")
    actual = _NAMES.get(found, found)
    if found == "a ZIP archive":
        actual = packed_kind(content) if kind == "zip" else office_kind(content)
    if actual != _NAMES[kind]:
        raise ParseFailed(
            f"is named .{extension} but is {actual or 'text'}, not {_NAMES[kind]}.",
            fix="Give it the right extension, or save it again from its program.",
        )


def office_kind(content: bytes) -> str:
    """Return what a ZIP archive is, judged by the names in its directory (which stand there in clear)."""
    stated = declared_type(content).removesuffix("-template")
    for kind in ("odt", "ods", "odp", "epub"):
        if stated == MEDIA_TYPES[kind]:
            return _NAMES[kind]
    for mark, kind in ((b"word/document", "docx"), (b"ppt/presentation", "pptx"), (b"xl/workbook", "xlsx")):
        if mark in content:
            return _NAMES[kind]
    if b"word/" in content and b"[Content_Types].xml" in content:
        return _NAMES["docx"]
    return "a ZIP archive"


def packed_kind(content: bytes) -> str:
    """Return what a ZIP archive is that may hold Office files, whose names stand in clear in it as well."""
    own = b"[Content_Types].xml"
    return (
        office_kind(content)
        if content[30 : 30 + len(own)] == own or declared_type(content)
        else "a ZIP archive"
    )


def _found(content: bytes) -> str:
    """Return the kind or a description of what the bytes certainly are; nothing for text."""
    if b"%PDF-" in content[:1024]:
        return "pdf"
    for signature, description in _SIGNATURES:
        if content.startswith(signature):
            is_message = description == _OLD_OFFICE and _OF_A_MESSAGE in content
            return "msg" if is_message else description
    if content[257:262] == b"ustar":
        return "tar"
    if content[4:8] == b"ftyp":
        return "a media file"
    if content.startswith(b"MZ") and b"\x00" in content[:512]:
        return "a program"
    sample = content[: 1 << 16]
    if sample.startswith(_UTF16) or _looks_like_utf16(sample):
        return ""
    control = sum(sample.count(code) for code in range(32) if code not in (9, 10, 12, 13, 27))
    if control > 1 + len(sample) // 50:
        return "binary data"
    return ""


def _picture(content: bytes) -> str:
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _NAMES["webp"]
    if content.startswith(b"BM") and content[6:10] == bytes(4):
        return _NAMES["bmp"]
    return next((what for signature, what in _SIGNATURES if content.startswith(signature)), "")


def _looks_like_utf16(sample: bytes) -> bool:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    return (odd > 0.7 * half and even < 0.02 * half) or (even > 0.7 * half and odd < 0.02 * half)
