"""Where on the image of a PDF page letters stand: rectangles in points from its upper left corner, merged by line."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.pdf_bidi import RIGHT_TO_LEFT
from muniment.knowledge.ingestion.parse.pdf_letters import CUT, letter
from muniment.knowledge.pages.places import Place

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_FINE = 100
"""Steps of a point to which places are computed."""
_WIDEST_GAP = 1.5
"""Between two words of one mark, in heights of the line."""
_WIDEST_GAP_OF_TWO_WAYS = 0.35
"""In a line that is read from both sides: no word of the other way has room in it."""
_LEVEL = 0.01
_ABOUT = 0.3
"""Room about letters, in their height."""
_LEAST_ABOUT = 1.0
"""In points."""


def marks(page: PdfPage, text_page: PdfTextPage, places: Collection[Place]) -> list[Box] | None:
    """Return what to mark so that these letters are marked; None where one of them is not to be seen."""
    made: list[_Mark] = []
    before: tuple[int, str] | None = None
    both_ways = {place.line for place in places if RIGHT_TO_LEFT.match(place.character)}
    for place in places:
        number = letter(text_page, place.at)
        found = _letter_mark(page, text_page, number, place.character)
        if found is None:
            return None
        here = (place.line, _way(page, text_page, number))
        gap = _WIDEST_GAP_OF_TWO_WAYS if place.line in both_ways else _WIDEST_GAP
        if made and here == before and _continues(made[-1].room, found.room, here[1], gap):
            made[-1] = _Mark(_around(made[-1].room, found.room), _around(made[-1].ink, found.ink))
        else:
            made.append(found)
        before = here
    return [one.box for one in made]


@dataclass(frozen=True, slots=True)
class _Mark:
    room: Box
    """What the font reserves for the letters, which in some fonts is the lines beside them too."""
    ink: Box

    @property
    def box(self) -> Box:
        """Return the letters with some room about them, as far as it is theirs."""
        left, top, right, bottom = self.ink
        about = max(_ABOUT * min(right - left, bottom - top), _LEAST_ABOUT)
        room = self.room
        return (
            max(left - about, min(room[0], left)),
            max(top - about, min(room[1], top)),
            min(right + about, max(room[2], right)),
            min(bottom + about, max(room[3], bottom)),
        )


def _letter_mark(page: PdfPage, text_page: PdfTextPage, number: int, character: str) -> _Mark | None:
    import pypdfium2

    if not _is_character(text_page, number, character):
        return None
    try:
        ink = _seen(page, text_page.get_charbox(number))
        room = _seen(page, text_page.get_charbox(number, loose=True))
    except pypdfium2.PdfiumError:
        return None
    if ink is None:
        return None
    return _Mark(_around(ink, room) if room else ink, ink)


def _seen(page: PdfPage, sides: tuple[float, float, float, float]) -> Box | None:
    """Return a rectangle of the file as it is on the image, None where it lies beside it."""
    import pypdfium2.raw as pdfium

    left, bottom, right, top = sides
    if not all(math.isfinite(one) for one in sides):
        return None
    width, height = page.get_size()
    corners: list[tuple[float, float]] = []
    for x, y in ((left, bottom), (right, top)):
        across, down = ctypes.c_int(), ctypes.c_int()
        size = (int(width * _FINE), int(height * _FINE))
        if not pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down):
            return None
        corners.append((across.value / _FINE, down.value / _FINE))
    (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(*corners, strict=True))
    if not (0 <= (x0 + x1) / 2 <= width and 0 <= (y0 + y1) / 2 <= height):
        return None
    return max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)


def _is_character(text_page: PdfTextPage, number: int, character: str) -> bool:
    import pypdfium2.raw as pdfium

    if number < 0:
        return False
    if character == CUT:
        return pdfium.FPDFText_IsHyphen(text_page, number) == 1
    half = int.from_bytes(character.encode("utf-16-le", "surrogatepass")[:2], "little")
    return pdfium.FPDFText_GetUnicode(text_page, number) == half


def _way(page: PdfPage, text_page: PdfTextPage, number: int) -> str:
    """Return whether the line of a letter runs `across` the image, `down` it or in no such way."""
    import pypdfium2.raw as pdfium

    turned = pdfium.FPDFText_GetCharAngle(text_page, number) + math.radians(page.get_rotation())
    if abs(math.sin(turned)) < _LEVEL:
        return "across"
    return "down" if abs(math.cos(turned)) < _LEVEL else ""


def _continues(mark: Box, box: Box, way: str, widest: float) -> bool:
    """Return whether a letter stands beside a mark, on the same line."""
    across, down = (1, 0) if way == "across" else (0, 1)
    if not way or _shared(mark, box, across) < 0.5 * min(_size(mark, across), _size(box, across)):
        return False
    return -_shared(mark, box, down) <= widest * max(_size(mark, across), _size(box, across))


def _shared(one: Box, other: Box, axis: int) -> float:
    return min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])


def _size(box: Box, axis: int) -> float:
    return box[axis + 2] - box[axis]


def _around(mark: Box, box: Box) -> Box:
    return min(mark[0], box[0]), min(mark[1], box[1]), max(mark[2], box[2]), max(mark[3], box[3])
