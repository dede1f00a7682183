"""The lines of a PDF page and how they are set: place, size, weight, gaps between cells."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

_SPACE = re.compile(r"(?<=\S)[ \t]+(?=\S)")
_LINE_END_HYPHEN = re.compile("(?<=\\w)\ufffe(?=[^\\W\\d_])")
_PAGE_NUMBER = re.compile(
    r"((page|seite|p\.)\s*)?[-–]?\s*\d{1,4}\s*[-–]?(\s*(of|/|von)\s*\d{1,4})?", re.IGNORECASE
)
_CELL_GAP = 1.1
"""Gap between two cells of a table, in letter heights."""
_MOST_SPACES = 20_000
"""Spaces of a page whose width is looked at."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands on its page; all measures are in points, from the lower left corner."""

    text: str
    cells: tuple[str, ...]
    """The text cut at wide gaps: a row of a table has several."""
    size: float
    """Font size; 0 where it is not known."""
    height: float
    bold: bool
    top: float
    bottom: float
    left: float
    right: float
    raw: str = ""
    """As the page's text holds it, with hyphens where words are cut."""
    at: int = 0
    """Where `raw` begins in the page's text."""


def page_lines(page: PdfTextPage) -> list[Line]:
    """Return the lines of a page in the order of its text, less a page number at its head or foot."""
    text = page.get_text_range()
    lines: list[Line] = []
    at = spaces = 0
    for piece in text.split("\n"):
        shown = piece.rstrip("\r")
        if shown.strip():
            spaces += shown.count(" ")
            lines.append(_line(page, shown, at, look_for_cells=spaces < _MOST_SPACES))
        at += steps(piece) + 1
    for place in (-1, 0):
        if len(lines) > 1 and _PAGE_NUMBER.fullmatch(lines[place].text.strip()):
            del lines[place]
    return lines


def _line(page: PdfTextPage, text: str, at: int, *, look_for_cells: bool) -> Line:
    shown = _LINE_END_HYPHEN.sub("", text).replace("\ufffe", "-")
    try:
        first = letter(page, at + len(text) - len(text.lstrip()))
        last = letter(page, at + steps(text.rstrip()) - 1)
        left, low, _, top = page.get_charbox(first, loose=True)
        _, bottom, right, _ = page.get_charbox(last, loose=True)
        size = _font_size(page, first) or round(top - low, 1)
        bold = _is_bold(page, first) and _is_bold(page, last)
        cells = _cells(page, text, at, size) if look_for_cells and "\ufffe" not in text else (shown,)
    except MemoryError:
        raise
    except Exception:  # a letter without a place; the text stays right
        return Line(shown, (shown,), 0.0, 0.0, False, 0.0, 0.0, 0.0, 0.0, text, at)
    return Line(shown, cells, size, max(top - low, 1.0), bold, top, bottom, left, right, text, at)


def steps(text: str) -> int:
    """Return how far the page's text goes on over `text`: it counts a character beyond U+FFFF as two."""
    return len(text) + (0 if text.isascii() else sum(character > "\uffff" for character in text))


def letter(page: PdfTextPage, place: int) -> int:
    """Return the number of the letter that stands at a place of the text."""
    import pypdfium2.raw as pdfium

    return int(pdfium.FPDFText_GetCharIndexFromTextIndex(page, place))


def _font_size(page: PdfTextPage, letter: int) -> float:
    """Return the size, 0 where the page scales its text instead."""
    import pypdfium2.raw as pdfium

    size = float(pdfium.FPDFText_GetFontSize(page, letter))
    return round(size, 1) if size > 1.5 else 0.0


def _is_bold(page: PdfTextPage, letter: int) -> bool:
    import pypdfium2.raw as pdfium

    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(page, letter, name, 128, ctypes.byref(flags))
    return b"bold" in name.value.lower() or b"black" in name.value.lower()


def _cells(page: PdfTextPage, text: str, at: int, size: float) -> tuple[str, ...]:
    cells: list[str] = []
    begun = 0
    for space in _SPACE.finditer(text):
        before = page.get_charbox(letter(page, at + steps(text[: space.start()]) - 1))
        after = page.get_charbox(letter(page, at + steps(text[: space.end()])))
        if after[0] - before[2] > _CELL_GAP * size:
            cells.append(text[begun : space.start()].strip())
            begun = space.end()
    return (*cells, text[begun:].strip())
