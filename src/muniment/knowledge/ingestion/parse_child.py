"""The parser's inside: in the isolated child, turns the bytes of a file into `Parsed`."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from muniment.knowledge.ingestion.parse.archive import read_tar, read_zip
from muniment.knowledge.ingestion.parse.book import read_book
from muniment.knowledge.ingestion.parse.enclosed import Enclosure
from muniment.knowledge.ingestion.parse.html import read_html
from muniment.knowledge.ingestion.parse.image import PLUGINS, image_bitmap, read_image
from muniment.knowledge.ingestion.parse.kind import kind_of
from muniment.knowledge.ingestion.parse.language import language
from muniment.knowledge.ingestion.parse.mail import read_mail
from muniment.knowledge.ingestion.parse.notebook import read_notebook
from muniment.knowledge.ingestion.parse.opendocument import read_odp, read_ods, read_odt
from muniment.knowledge.ingestion.parse.order import order_of
from muniment.knowledge.ingestion.parse.outlook import read_outlook
from muniment.knowledge.ingestion.parse.pdf import read_pdf
from muniment.knowledge.ingestion.parse.pdf_open import open_pdf
from muniment.knowledge.ingestion.parse.plain import read_markdown, read_text
from muniment.knowledge.ingestion.parse.rtf import read_rtf
from muniment.knowledge.ingestion.parse.scans import Scans, page_bitmap
from muniment.knowledge.ingestion.parse.slides import read_slides
from muniment.knowledge.ingestion.parse.source import read_source
from muniment.knowledge.ingestion.parse.stated_labels import stated
from muniment.knowledge.ingestion.parse.structured import read_json, read_json_lines, read_xml
from muniment.knowledge.ingestion.parse.tabular import read_csv
from muniment.knowledge.ingestion.parse.word import read_word
from muniment.knowledge.ingestion.parse.workbook import read_workbook
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed
from muniment.knowledge.stated import Stated, together

_READERS: dict[str, Callable[[str, bytes], Parsed]] = {
    "md": read_markdown,
    "txt": read_text,
    "html": read_html,
    "csv": read_csv,
    "docx": read_word,
    "pptx": read_slides,
    "xlsx": read_workbook,
    "odt": read_odt,
    "ods": read_ods,
    "odp": read_odp,
    "rtf": read_rtf,
    "epub": read_book,
    "json": read_json,
    "jsonl": read_json_lines,
    "xml": read_xml,
    "ipynb": read_notebook,
    "source": read_source,
}
_HOLDERS: dict[str, Callable[[str, bytes, Enclosure], Parsed]] = {
    "eml": read_mail,
    "msg": read_outlook,
    "zip": read_zip,
    "tar": read_tar,
}
"""Readers of files that enclose others."""
_NEEDED_LATER = (
    *(f"PIL.{name}" for name in (
        "BmpImagePlugin", "GifImagePlugin", "ImageColor", "ImageFile", "ImageMode", "ImagePalette", "JpegImagePlugin",
        "MpoImagePlugin", "PngImagePlugin", "TiffImagePlugin", "WebPImagePlugin",
    )),
    "defusedxml.ElementTree", "docx", "email.mime", "heapq", "olefile", "openpyxl", "openpyxl.worksheet._reader",
    "pptx", "pycld2", "pypdfium2", "pypdfium2.raw", "selectolax.lexbor", "stringprep", "unicodedata", "zlib",
    "bz2", "lzma",
)  # fmt: skip
_UNUSED_CODECS = frozenset(
    {"mbcs", "oem", "idna", "bz2_codec", "hex_codec", "uu_codec", "zlib_codec", "rot_13"}
)


def warm_up() -> None:
    """Import all that any reader needs: afterwards no file can be opened, so nothing can be imported."""
    sys.modules["numpy"] = None  # type: ignore[assignment]  # openpyxl would import it, for nothing we use
    for name in _NEEDED_LATER:
        importlib.import_module(name)
    import encodings

    for codec in pkgutil.iter_modules(encodings.__path__):
        if codec.name not in _UNUSED_CODECS:
            importlib.import_module(f"encodings.{codec.name}")


def handle(parts: Sequence[bytes]) -> bytes:
    """Answer `(order, content, PDF password, ...)` with the document, or with why it cannot be read, as JSON.

    The order is a name, or an `Order`; one for a bitmap is answered with the bitmap, or with nothing.
    """
    order, content = order_of(parts[0]), parts[1]
    passwords = [one.decode("utf-8", "replace") for one in parts[2:]]
    scans = Scans(order.tables)
    try:
        if order.bitmap:
            return _bitmap(kind_of(order.name, content), content, order.bitmap, passwords)
        parsed = read_file(order.name, content, passwords, scans)
    except ParseFailed as failure:
        told = scans.failure or failure
        return json.dumps({"failed": told.public, "fix": told.fix, "scans": scans.unread}).encode()
    return replace(
        parsed,
        notes=(*parsed.notes, *scans.notes()),
        language=language(parsed.text),
        scans=tuple(scans.unread),
    ).to_json()


def read_file(name: str, content: bytes, passwords: Sequence[str] = (), scans: Scans | None = None) -> Parsed:
    """Return the document in `content`, which is called `name`. Raises ParseFailed where it cannot be read.

    What it and the files in it say of their own sensitivity goes with it. `scans` are its own pages that are
    pictures; those of files in it stay unread.
    """
    found: list[Stated] = []

    def read(name: str, content: bytes, enclosure: Enclosure) -> Parsed:
        kind = kind_of(name, content)
        pictures = scans if scans is not None and enclosure.is_outermost else Scans()
        if kind == "pdf":
            parsed = read_pdf(name, content, passwords, pictures)
        elif kind in PLUGINS:
            parsed = read_image(name, content, pictures)
        elif kind in _HOLDERS:
            parsed = _HOLDERS[kind](name, content, enclosure)
        else:
            parsed = _READERS[kind](name, content)
        found.append(stated(kind, content))
        return parsed

    parsed = read(name, content, Enclosure(read))
    return replace(parsed, stated=together(found))


def _bitmap(kind: str, content: bytes, page: int, passwords: Sequence[str]) -> bytes:
    """Return a page as a grey bitmap, nothing where it cannot be shown."""
    if kind in PLUGINS:
        return image_bitmap(kind, content, page)
    if kind != "pdf":
        return b""
    document = open_pdf(content, passwords)
    try:
        return page_bitmap(document, page)
    finally:
        document.close()
