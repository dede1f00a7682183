"""PDF files, page by page: lines joined to paragraphs, large, bold or bookmarked lines taken for headings."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median_low
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.pdf_lines import Line, page_lines
from muniment.knowledge.ingestion.parse.scans import Scans
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MOST_PAGES = 3_000
_BULLET = re.compile(r"([•●▪◦‣–—*·-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_ENDS = (".", "!", "?", ":", ";")
_BOLD_LEVEL = 4


def read_pdf(name: str, content: bytes, scans: Scans | None = None) -> Parsed:
    """Read the text of a PDF. Raises ParseFailed where it is locked, damaged or only pictures."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
        count = len(document)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise ParseFailed(
                "is protected by a password.", fix="Save a copy without the password."
            ) from error
        raise ParseFailed(
            "is damaged: it cannot be read as a PDF.", fix="Export or copy it again."
        ) from error
    out = Composer()
    pages = min(count, MOST_PAGES)
    if count > pages:
        out.note(f"only the first {pages:,} of {count:,} pages were read")
    silent = _write_pages(document, pages, out, scans or Scans())
    if out.length == 0:
        raise ParseFailed(
            "holds no text, only pictures: it is a scan.", fix="Run text recognition on it first."
        )
    if silent:
        out.note(f"{silent} of {pages} pages hold no text")
    out.author = document.get_metadata_value("Author") or ""
    return out.parsed(
        title(name, document.get_metadata_value("Title"), out.first_heading), MEDIA_TYPES["pdf"]
    )


def _write_pages(document: PdfDocument, pages: int, out: Composer, scans: Scans) -> int:
    """Append the pages; return how many had no text."""
    import pypdfium2

    bookmarks = _bookmarks(document)
    style = _Style()
    silent = 0
    for number in range(1, pages + 1):
        try:
            page = document[number - 1]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            out.note(f"page {number} is damaged and was left out")
            continue
        lines = page_lines(text_page)
        text_page.close()
        style.learn(lines)
        out.begin("page", f"Page {number}", number)
        before = out.length
        if not scans.written(page, sum(len(line.text.strip()) for line in lines), number, out):
            _PageWriter(lines, style, bookmarks.get(number, {}), out).write()
        page.close()
        silent += out.length == before
    return silent


def _bookmarks(document: PdfDocument) -> dict[int, dict[str, int]]:
    """Return, per page, the bookmarked titles in lower case and their levels."""
    found: dict[int, dict[str, int]] = {}
    for count, bookmark in enumerate(document.get_toc(max_depth=6)):
        if count >= 5_000:
            break
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        text = one_line(bookmark.get_title() or "").lower()
        if page is not None and text:
            found.setdefault(page + 1, {})[text] = bookmark.level + 1
    return found


def is_row(line: Line) -> bool:
    """Return whether a line is written as a row of a table."""
    return len(line.cells) > 1 and not _BULLET.match(line.text.lstrip())


class _Style:
    """How most of the text so far is set."""

    def __init__(self) -> None:
        self._sizes: Counter[float] = Counter()
        self._bold = 0
        self._all = 0

    def learn(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._sizes[line.size] += len(line.text)
            self._bold += line.bold * len(line.text)
            self._all += len(line.text)

    def level(self, line: Line, text: str) -> int:
        """Return the heading level of a line that is set larger or bolder than the text, 0 for any other."""
        if not 3 <= len(text) <= 120 or text.endswith((".", ",", ";")) or len(line.cells) > 1:
            return 0
        if not any(letter.isalpha() for letter in text):
            return 0
        body = self._sizes.most_common(1)[0][0]
        if body and line.size >= 1.15 * body:
            return 1 if line.size >= 1.6 * body else 2 if line.size >= 1.3 * body else 3
        bold = line.bold and 2 * self._bold < self._all and line.size >= 0.95 * body and len(text) <= 80
        return _BOLD_LEVEL if bold else 0


class _PageWriter:
    def __init__(
        self, lines: Sequence[Line], style: _Style, bookmarks: dict[str, int], out: Composer
    ) -> None:
        self._lines = lines
        self._style = style
        self._bookmarks = bookmarks
        self._out = out
        self._widest = max((line.right for line in lines), default=0.0)
        self._paragraph: list[Line] = []
        pitches = [a.bottom - b.bottom for a, b in itertools.pairwise(lines) if a.bottom > b.bottom]
        self._pitch = median_low(pitches) if pitches else 0.0

    def write(self) -> None:
        rows: list[list[str]] = []
        for place, line in enumerate(self._lines):
            if is_row(line):
                self._flush()
                rows.append(list(line.cells))
                continue
            if rows:
                self._out.rows(rows)
                rows = []
            self._write_line(place, line)
        self._flush()
        if rows:
            self._out.rows(rows)

    def _write_line(self, place: int, line: Line) -> None:
        text = one_line(line.text)
        level = self._bookmarks.get(text.lower(), 0) or self._style.level(line, text)
        if level and (level != _BOLD_LEVEL or self._stands_apart(place)):
            self._flush()
            self._out.heading(level, text)
            return
        if self._paragraph and self._parts(self._paragraph[-1], line):
            self._flush()
        self._paragraph.append(line)

    def _stands_apart(self, place: int) -> bool:
        """Return whether a bold line has space above it and text that is not bold below it."""
        line = self._lines[place]
        if place + 1 >= len(self._lines) or self._lines[place + 1].bold or _BULLET.match(line.text.lstrip()):
            return False
        above = self._lines[place - 1] if place else None
        return above is None or above.bottom - line.top > 0.3 * line.height

    def _parts(self, before: Line, line: Line) -> bool:
        """Return whether a new paragraph begins between two lines that follow each other."""
        if _BULLET.match(line.text.lstrip()) or line.top > before.top + line.height:
            return True
        height = max(before.height, line.height)
        gap = before.bottom - line.top
        if gap > 0.6 * height and (gap > 1.5 * height or before.bottom - line.bottom > 1.25 * self._pitch):
            return True
        if abs(before.size - line.size) > 0.1 * max(before.size, line.size, 1.0):
            return True
        ended = before.text.rstrip().endswith(_ENDS)
        if gap > 0.6 * height and ended:
            return True
        ended_early = before.right < self._widest - 0.25 * max(self._widest - before.left, 1.0)
        return ended_early and (ended or not line.text.lstrip()[:1].islower())

    def _flush(self) -> None:
        text = ""
        for line in self._paragraph:
            piece = re.sub(r"[ \t]+", " ", line.text.strip())
            if HYPHEN.search(text) and piece[:1].islower():
                text = text[:-1] + piece
            else:
                text = f"{text} {piece}" if text else piece
        self._out.block(text, tight=bool(_BULLET.match(text)))
        self._paragraph.clear()
