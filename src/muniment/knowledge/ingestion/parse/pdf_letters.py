"""The words of a PDF page: their letters, in reading order, and where they stand.

Places are measured in the direction of the text: what is set sideways is measured as if the page were turned, so
that lines always run across and the next line lies below.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.pdf_bidi import RIGHT_TO_LEFT, Glyph, as_read, from_the_left

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

CUT = "\ufffe"
"""Stands in the page's text for a hyphen at which a word is cut."""
CELL_GAP = 1.1
"""Gap between two cells of a table, in letter heights."""
_SPACE_GAP = 0.25
_LEVEL = 0.05
"""How far from level a line is that still counts as level, in radians."""
_PRESENTED = re.compile("[\ufb00-\ufb06\ufb13-\ufb17\ufb1d-\ufdff\ufe70-\ufefc]")
"""Ligatures and shapes of letters, which stand for the letters alone."""
_TALLEST = 1.8
"""What a font may reserve for a line, in font sizes."""
_LARGEST = 10_000.0
_WORD = re.compile(r"[^\s\ufffe]+\ufffe?|\ufffe")


@dataclass(frozen=True, slots=True)
class Run:
    """Text, and for each of its characters the place in the page's text; -1 for a space between words."""

    text: str
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a space between them."""

    run: Run
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one line that stand together, in reading order."""

    words: tuple[Word, ...]
    size: float
    """Font size; 0 where it is not known."""
    bold: bool
    turn: int
    """Quarter turns against the clock by which the text is turned on the page; -1: it runs aslant."""
    order: int
    """Place among the pieces as the page's text has them."""
    left: float
    bottom: float
    right: float
    top: float

    @property
    def letter(self) -> float:
        """Return the measure for gaps beside it."""
        return self.size or self.top - self.bottom


def joined(words: Sequence[Word]) -> Run:
    """Return the text of words with a space between each two."""
    at: list[int] = []
    for word in words:
        at += (-1, *word.run.at) if at else word.run.at
    return Run(" ".join(word.run.text for word in words), tuple(at))


def page_pieces(page: PdfTextPage) -> tuple[list[Piece], bool]:
    """Return the pieces of a page in the order of its text, and whether it is read from the right."""
    text = page_text(page)
    from_right = sum(1 for _ in RIGHT_TO_LEFT.finditer(text)) > 0.4 * sum(map(str.isalpha, text))
    letters = _Letters(page)
    found: list[Piece] = []
    at = 0
    for line in text.split("\n"):
        if line.strip():
            found += letters.pieces(line, at, len(found), from_right=from_right)
        at += steps(line) + 1
    return found, from_right


def page_text(page: PdfTextPage) -> str:
    """Return the text of a page as the library holds it, so that places in it stay right: halves of letters too."""
    return page.get_text_range(errors="surrogatepass")


def steps(text: str) -> int:
    """Return how far the page's text goes on over `text`: it counts a character beyond U+FFFF as two."""
    return len(text) + (0 if text.isascii() else sum(character > "\uffff" for character in text))


def letter(page: PdfTextPage, place: int) -> int:
    """Return the number of the letter that stands at a place of the text."""
    import pypdfium2.raw as pdfium

    return int(pdfium.FPDFText_GetCharIndexFromTextIndex(page, place))


class _Letters:
    """Reads the lines of a page."""

    def __init__(self, page: PdfTextPage) -> None:
        import pypdfium2.raw as pdfium

        self._page = page
        self._rectangle = pdfium.FS_RECTF()
        self._loose_box = pdfium.FPDFText_GetLooseCharBox

    def pieces(self, line: str, at: int, order: int, *, from_right: bool) -> Iterator[Piece]:
        """Yield what stands together of a line that begins at a place of the text."""
        first = letter(self._page, at + len(line) - len(line.lstrip()))
        turn = _turn(self._page, first)
        rights = sum(1 for _ in RIGHT_TO_LEFT.finditer(line))
        if rights and turn >= 0:
            back = from_right or 2 * rights > sum(map(str.isalpha, line))
            groups = self._mixed(line, at, turn, _font_size(self._page, first), from_right=back)
        else:
            groups = _apart(self._plain(line, at, turn), _font_size(self._page, first))
        for place, words in enumerate(groups):
            yield self._piece(words, turn, order + place)

    def _piece(self, words: Sequence[Word], turn: int, order: int) -> Piece:
        ends = [letter(self._page, one) for one in (words[0].run.at[0], words[-1].run.at[-1])]
        tall = max(words, key=lambda one: one.top - one.bottom)
        size = _font_size(self._page, ends[0]) or round(tall.top - tall.bottom, 1)
        left, right = min(one.left for one in words), max(one.right for one in words)
        bold = all(_is_bold(self._page, one) for one in ends)
        return Piece(tuple(words), size, bold, turn, order, left, tall.bottom, right, tall.top)

    def _box(self, number: int, turn: int) -> tuple[float, float, float, float]:
        """Return left, bottom, right and top of a letter with its line's height."""
        one = self._rectangle
        if not self._loose_box(self._page, number, one):
            return 0.0, 0.0, 0.0, 0.0
        left, bottom, right, top = one.left, one.bottom, one.right, one.top
        if not all(map(math.isfinite, (left, bottom, right, top))):
            return 0.0, 0.0, 0.0, 0.0
        size = _font_size(self._page, number) if top - bottom > 20 else 0.0
        if turn == 0 and size and top - bottom > _TALLEST * size:
            _, bottom, _, top = self._page.get_charbox(number)
        return _turned(left, bottom, right, top, turn)

    def _plain(self, line: str, at: int, turn: int) -> list[Word]:
        words: list[Word] = []
        astral = not line.isascii() and steps(line) > len(line)
        for found in _WORD.finditer(line):
            text = found[0]
            begun = at + (steps(line[: found.start()]) if astral else found.start())
            places = _places(text, begun)
            left, bottom, first_right, top = self._box(letter(self._page, begun), turn)
            last_left, _, right, _ = self._box(letter(self._page, places[-1]), turn)
            run = _presented(text, places)
            words.append(Word(run, min(left, last_left), bottom, max(right, first_right), top))
        return words

    def _mixed(self, line: str, at: int, turn: int, size: float, *, from_right: bool) -> Iterator[list[Word]]:
        glyphs: list[Glyph] = []
        for character, place in zip(line, _places(line, at), strict=True):
            if character in "\r\ufffe":
                continue
            box = self._box(letter(self._page, place), turn)
            run = _presented(character, [place])
            glyphs.append(Glyph(list(zip(run.text, run.at, strict=True)), *box))
        height = size or max(one.top - one.bottom for one in glyphs)
        groups: list[list[Glyph]] = []
        before: Glyph | None = None
        for one in from_the_left(glyphs):
            if one.is_space:
                if groups:
                    groups[-1].append(one)
                continue
            gap = one.left - before.right if before else math.inf
            if gap > CELL_GAP * height:
                groups.append([])
            elif gap > _SPACE_GAP * height:
                groups[-1].append(Glyph([(" ", -1)], one.left - gap, one.bottom, one.left, one.top))
            groups[-1].append(one)
            before = one
        for group in reversed(groups) if from_right else groups:
            yield _words(as_read(group, from_right=from_right))


def _words(glyphs: Sequence[Glyph]) -> list[Word]:
    words: list[Word] = []
    waiting: list[Glyph] = []
    for one in [*glyphs, None]:
        if one is not None and not one.is_space:
            waiting.append(one)
        elif waiting:
            letters = [letter for glyph in waiting for letter in glyph.letters]
            tall = max(waiting, key=lambda glyph: glyph.top - glyph.bottom)
            left, right = min(glyph.left for glyph in waiting), max(glyph.right for glyph in waiting)
            run = Run("".join(text for text, _ in letters), tuple(place for _, place in letters))
            words.append(Word(run, left, tall.bottom, right, tall.top))
            waiting = []
    return words


def _places(text: str, at: int) -> Sequence[int]:
    if text.isascii() or steps(text) == len(text):
        return range(at, at + len(text))
    return [at + steps(text[:place]) for place in range(len(text))]


def _presented(text: str, places: Sequence[int]) -> Run:
    if text.isascii() or not (_PRESENTED.search(text) or CUT in text):
        return Run(text, tuple(places))
    shown: list[str] = []
    at: list[int] = []
    for character, place in zip(text, places, strict=True):
        plain = unicodedata.normalize("NFKC", character) if _PRESENTED.match(character) else character
        shown.append("-" if plain == CUT else plain)
        at += [place] * len(plain)
    return Run("".join(shown), tuple(at))


def _apart(words: Sequence[Word], size: float) -> Iterator[list[Word]]:
    """Yield words that stand together: parted by a wide gap, a cut word or the next line of the page."""
    waiting: list[Word] = []
    for word in words:
        if waiting:
            before = waiting[-1]
            height = max(before.top - before.bottom, word.top - word.bottom, 1.0)
            gap = word.left - before.right
            if gap > CELL_GAP * (size or height) or gap < -height or word.top <= before.bottom:
                yield waiting
                waiting = []
        waiting.append(word)
    if waiting:
        yield waiting


def _turned(
    left: float, bottom: float, right: float, top: float, turn: int
) -> tuple[float, float, float, float]:
    if turn == 1:
        return bottom, -right, top, -left
    if turn == 2:
        return -right, -top, -left, -bottom
    if turn == 3:
        return -top, left, -bottom, right
    return left, bottom, right, top


def _turn(page: PdfTextPage, number: int) -> int:
    import pypdfium2.raw as pdfium

    quarters = pdfium.FPDFText_GetCharAngle(page, number) / (math.pi / 2)  # with the clock
    if not math.isfinite(quarters):
        return -1
    return round(-quarters) % 4 if abs(quarters - round(quarters)) < _LEVEL else -1


def _font_size(page: PdfTextPage, number: int) -> float:
    """Return the size, 0 where the page scales its text instead."""
    import pypdfium2.raw as pdfium

    size = float(pdfium.FPDFText_GetFontSize(page, number))
    return round(size, 1) if 1.5 < size < _LARGEST else 0.0


def _is_bold(page: PdfTextPage, number: int) -> bool:
    import pypdfium2.raw as pdfium

    name = ctypes.create_string_buffer(128)
    flags = ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(page, number, name, 128, ctypes.byref(flags))
    return b"bold" in name.value.lower() or b"black" in name.value.lower()
