"""Where on the image of a PDF page letters stand: rectangles in points from its upper left corner, merged by line."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.pdf_lines import letter
from muniment.knowledge.pages.places import Place

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_FINE = 100
"""Steps of a point to which places are computed."""
_WIDEST_GAP = 1.5
"""Between two words of one mark, in heights of the line."""
_LEVEL = 0.01


def marks(page: PdfPage, text_page: PdfTextPage, places: Iterable[Place]) -> list[Box] | None:
    """Return what to mark so that these letters are marked; None where one of them is not to be seen."""
    made: list[Box] = []
    merges, line = False, -1
    for place in places:
        number = letter(text_page, place.at)
        box = _box(page, text_page, number, place.character)
        if box is None:
            return None
        straight = _is_straight(text_page, number)
        if made and merges and straight and place.line == line and _continues(made[-1], box):
            made[-1] = _around(made[-1], box)
        else:
            made.append(box)
        merges, line = straight, place.line
    return made


def _box(page: PdfPage, text_page: PdfTextPage, number: int, character: str) -> Box | None:
    import pypdfium2
    import pypdfium2.raw as pdfium

    if not _is_character(text_page, number, character):
        return None
    try:
        left, bottom, right, top = text_page.get_charbox(number, loose=True)
        if not (right - left > 0 and top - bottom > 0):
            left, bottom, right, top = text_page.get_charbox(number)
    except pypdfium2.PdfiumError:
        return None
    if not all(math.isfinite(one) for one in (left, bottom, right, top)):
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
    if character == "\ufffe":
        return pdfium.FPDFText_IsHyphen(text_page, number) == 1
    return pdfium.FPDFText_GetUnicode(text_page, number) == ord(character)


def _is_straight(text_page: PdfTextPage, number: int) -> bool:
    """Return whether a letter stands upright or is turned by right angles."""
    import pypdfium2.raw as pdfium

    turned = pdfium.FPDFText_GetCharAngle(text_page, number)
    return min(abs(math.sin(turned)), abs(math.cos(turned))) < _LEVEL


def _continues(mark: Box, box: Box) -> bool:
    """Return whether a letter stands beside or right behind a mark, on the same line across or down."""
    across = min(mark[3], box[3]) - max(mark[1], box[1])
    down = min(mark[2], box[2]) - max(mark[0], box[0])
    height, width = box[3] - box[1], box[2] - box[0]
    if across >= 0.5 * min(height, mark[3] - mark[1]):
        return -down <= _WIDEST_GAP * max(height, mark[3] - mark[1])
    if down >= 0.5 * min(width, mark[2] - mark[0]):
        return -across <= _WIDEST_GAP * max(width, mark[2] - mark[0])
    return False


def _around(mark: Box, box: Box) -> Box:
    return min(mark[0], box[0]), min(mark[1], box[1]), max(mark[2], box[2]), max(mark[3], box[3])
