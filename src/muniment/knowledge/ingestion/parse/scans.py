"""Pages that are pictures: which of a file are, what OCR read on them, and their picture as a plain bitmap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.recognised import HARD_TO_READ, recognised
from muniment.knowledge.ingestion.parsed import ParseFailed

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

MOST_PIXELS = 12_000_000
"""Of a bitmap: A4 at 300 dots an inch has 8.7 million."""
DOTS_PER_INCH = 300
_FEW_CHARACTERS = 100
_MOST_OBJECTS = 1_000
_LONGEST_SIDE = 14_400


class Scans:
    """The pages of one file that are pictures."""

    def __init__(self, tables: Mapping[int, str] | None = None) -> None:
        """`tables` holds what OCR read, by page; without it the pages are only counted."""
        self._tables = tables or {}
        self.unread: list[int] = []
        """Pages that are pictures and that `tables` lacks."""
        self._read: list[int] = []
        self._found = False
        self._hard: list[str] = []

    def written(self, page: PdfPage, characters: int, number: int, out: Composer) -> bool:
        """Append the page if it is a picture that was read; return whether it was.

        `characters` is how many it holds as text: a page with many is no picture.
        """
        if characters >= _FEW_CHARACTERS or not _is_picture(page, silent=characters == 0):
            return False
        return self.write(number, out)

    def write(self, number: int, out: Composer) -> bool:
        """Append a page that is a picture; return whether anything was read on it."""
        table = self._tables.get(number)
        if table is None:
            self.unread.append(number)
            return False
        found = recognised(table)
        self._read.append(number)
        if found.paragraphs and found.confidence < HARD_TO_READ:
            self._hard.append(f"page {number} was hard to read by OCR ({found.confidence:.0f} of 100)")
        for paragraph in found.paragraphs:
            out.block(paragraph)
        self._found |= bool(found.paragraphs)
        return bool(found.paragraphs)

    @property
    def failure(self) -> ParseFailed | None:
        """What to say of a file without text once its pictures were read in vain."""
        if not self._read or self._found:
            return None
        return ParseFailed("holds pictures, on which OCR found no text.", fix="Leave it out.")

    def notes(self) -> tuple[str, ...]:
        """Return what an operator should know of the pages that were read."""
        if not self._read:
            return ()
        return (f"read by OCR: {_pages(self._read)}", *self._hard[:20])


def _pages(numbers: Sequence[int]) -> str:
    """Return page numbers in words, those that follow each other as a range."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    said = ", ".join("-".join(map(str, pair)) for pair in ranges)
    return f"{'page' if len(numbers) == 1 else 'pages'} {said}"


def _is_picture(page: PdfPage, *, silent: bool) -> bool:
    """Return whether pictures cover the page: half of it, or any part worth a look where it has no text."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    if not all(math.isfinite(side) and 1 <= side <= _LONGEST_SIDE for side in (width, height)):
        return False
    covered = 0.0
    images = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)
    for image in itertools.islice(images, _MOST_OBJECTS):
        left, bottom, right, top = image.get_bounds()
        across = min(right, width) - max(left, 0.0)
        covered += max(0.0, across) * max(0.0, min(top, height) - max(bottom, 0.0))
    return covered >= (0.05 if silent else 0.5) * width * height


def page_bitmap(document: PdfDocument, number: int) -> bytes:
    """Return a page of a PDF as a grey bitmap (PGM)."""
    page = document[number - 1]
    width, height = page.get_size()
    scale = min(DOTS_PER_INCH / 72, math.sqrt(MOST_PIXELS / (width * height)))
    bitmap = page.render(
        scale=scale,  # pyright: ignore[reportArgumentType]
        grayscale=True,
    )
    try:
        if bitmap.n_channels != 1:
            raise ValueError("not a grey bitmap")
        return portable(memoryview(bitmap.buffer).cast("B"), bitmap.width, bitmap.height, bitmap.stride)
    finally:
        bitmap.close()
        page.close()


def portable(pixels: memoryview | bytes, width: int, height: int, stride: int) -> bytes:
    """Return grey pixels as a PGM, the plainest picture that there is."""
    rows = b"".join(bytes(pixels[row * stride : row * stride + width]) for row in range(height))
    return b"P5\n%d %d\n255\n" % (width, height) + rows
