"""The parser's inside: in the isolated child, turns the bytes of a file into `Parsed`."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from muniment.knowledge.ingestion.parse.html import read_html
from muniment.knowledge.ingestion.parse.image import PLUGINS, image_bitmap, read_image
from muniment.knowledge.ingestion.parse.kind import kind_of
from muniment.knowledge.ingestion.parse.language import language
from muniment.knowledge.ingestion.parse.mail import read_mail
from muniment.knowledge.ingestion.parse.order import order_of
from muniment.knowledge.ingestion.parse.pdf import read_pdf
from muniment.knowledge.ingestion.parse.plain import read_markdown, read_text
from muniment.knowledge.ingestion.parse.scans import Scans, page_bitmap
from muniment.knowledge.ingestion.parse.slides import read_slides
from muniment.knowledge.ingestion.parse.tabular import read_csv, read_workbook
from muniment.knowledge.ingestion.parse.word import read_word
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

_READERS: dict[str, Callable[[str, bytes], Parsed]] = {
    "md": read_markdown,
    "txt": read_text,
    "html": read_html,
    "csv": read_csv,
    "eml": read_mail,
    "pdf": read_pdf,
    "docx": read_word,
    "pptx": read_slides,
    "xlsx": read_workbook,
    **dict.fromkeys(PLUGINS, read_image),
}
_WITH_SCANS: dict[str, Callable[[str, bytes, Scans], Parsed]] = {
    "pdf": read_pdf,
    **dict.fromkeys(PLUGINS, read_image),
}
_NEEDED_LATER = (
    *(f"PIL.{name}" for name in (
        "BmpImagePlugin", "GifImagePlugin", "ImageColor", "ImageFile", "ImageMode", "ImagePalette", "JpegImagePlugin",
        "MpoImagePlugin", "PngImagePlugin", "TiffImagePlugin", "WebPImagePlugin",
    )),
    "defusedxml.ElementTree", "docx", "email.mime", "heapq", "openpyxl", "openpyxl.worksheet._reader", "pptx",
    "pycld2", "pypdfium2", "pypdfium2.raw", "selectolax.lexbor", "stringprep", "unicodedata", "zlib", "bz2", "lzma",
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
    """Answer `(order, content)` with the document, or with why the file cannot be read, as JSON.

    The order is a name, or an `Order`; one for a bitmap is answered with the bitmap, or with nothing.
    """
    order = order_of(parts[0])
    name, content = order.name, parts[1]
    scans = Scans(order.tables)
    try:
        kind = kind_of(name, content)
        if order.bitmap:
            return _bitmap(kind, content, order.bitmap)
        reader = _WITH_SCANS.get(kind)
        parsed = reader(name, content, scans) if reader else _READERS[kind](name, content)
    except ParseFailed as failure:
        told = scans.failure or failure
        return json.dumps({"failed": told.public, "fix": told.fix, "scans": scans.unread}).encode()
    return replace(
        parsed,
        notes=(*parsed.notes, *scans.notes()),
        language=language(parsed.text),
        scans=tuple(scans.unread),
    ).to_json()


def _bitmap(kind: str, content: bytes, page: int) -> bytes:
    """Return a page as a grey bitmap, nothing where it cannot be shown."""
    if kind in PLUGINS:
        return image_bitmap(kind, content, page)
    if kind != "pdf":
        return b""
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    try:
        return page_bitmap(document, page)
    finally:
        document.close()
