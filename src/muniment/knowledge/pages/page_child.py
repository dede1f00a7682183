"""The inside of page images: in the isolated child, shows one page of a PDF."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.pdf_open import open_pdf
from muniment.knowledge.ingestion.parsed import ParseFailed
from muniment.knowledge.pages.marks import marks
from muniment.knowledge.pages.places import Place, places
from muniment.knowledge.pages.png import png

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

WIDTH = 1472
"""Pixels across, where the page is no larger than MOST_PIXELS then: twice what a desk shows."""
MOST_PIXELS = 4_000_000
LONGEST_SIDE = 14_400
"""Points that a side of a page may have, by the standard of PDF."""
MOST_OBJECTS = 50_000
_NEEDED_LATER = ("pypdfium2", "pypdfium2.raw", "unicodedata", "zlib", "stringprep", "encodings.utf_16_le")


class _CannotShow(Exception):
    pass


def warm_up() -> None:
    """Import all that is needed: afterwards nothing can be imported."""
    sys.modules["numpy"] = None  # type: ignore[assignment]  # pypdfium2 would import it, for nothing we use
    for name in _NEEDED_LATER:
        importlib.import_module(name)


def handle(parts: Sequence[bytes]) -> bytes:
    """Answer `(order, content, text, password, ...)` of a page; all after the content may be missing.

    The order is JSON. With `"image"` the answer is a PNG; else it is JSON: the page's size, and the marks for the
    characters `start` to `end` of its stored text. An empty answer says that there is no such page to show.
    """
    order = json.loads(parts[0])
    try:
        passwords = [one.decode("utf-8", "replace") for one in parts[3:]]
        with _opened(parts[1], order["page"], passwords) as page:
            if order.get("image"):
                return _image(page)
            text = parts[2].decode() if len(parts) > 2 else ""
            return json.dumps(_look(page, text, order.get("start", 0), order.get("end", 0))).encode()
    except _CannotShow:
        return b""


@contextmanager
def _opened(content: bytes, number: int, passwords: Sequence[str]) -> Generator[PdfPage]:
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = open_pdf(content, passwords)
        if not 1 <= number <= len(document):
            raise _CannotShow
        page = document[number - 1]
    except (pypdfium2.PdfiumError, ParseFailed) as error:
        raise _CannotShow from error
    try:
        width, height = page.get_size()
        if not all(math.isfinite(side) and 1 <= side <= LONGEST_SIDE for side in (width, height)):
            raise _CannotShow
        if pdfium.FPDFPage_CountObjects(page) > MOST_OBJECTS:
            raise _CannotShow
        yield page
    finally:
        page.close()
        document.close()


def _image(page: PdfPage) -> bytes:
    width, height = page.get_size()
    scale = min(WIDTH / width, math.sqrt(MOST_PIXELS / (width * height)))
    bitmap = page.render(scale=scale, rev_byteorder=True, no_smoothtext=False)
    if bitmap.n_channels != 3:
        raise _CannotShow
    try:
        return png(memoryview(bitmap.buffer).cast("B"), bitmap.width, bitmap.height, bitmap.stride)
    finally:
        bitmap.close()


def _look(page: PdfPage, stored: str, start: int, end: int) -> dict[str, object]:
    width, height = page.get_size()
    found = _marks(page, stored, start, end)
    return {"width": width, "height": height, "marks": found, "pages": len(page.pdf)}


def _marks(page: PdfPage, stored: str, start: int, end: int) -> list[tuple[float, ...]] | None:
    if start >= end:
        return []
    text_page = page.get_textpage()
    try:
        found = places(page, text_page, stored)
        if found is None:
            return None
        wanted: dict[Place, None] = {}
        for some in found[start:end]:
            wanted.update(dict.fromkeys(some))
        if not wanted:
            return None
        boxes = marks(page, text_page, wanted)
    finally:
        text_page.close()
    return None if boxes is None else [tuple(round(side, 2) for side in box) for box in boxes]
