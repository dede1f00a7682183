"""PDF files, page by page: lines joined to paragraphs, large or bookmarked lines taken for headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.kind import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfTextPage

MOST_PAGES = 3_000
_BULLET = re.compile(r"([•●▪◦‣–—*·-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\ufffe\u2010]$")
_ENDS = (".", "!", "?", ":", ";")


def read_pdf(name: str, content: bytes) -> Parsed:
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
    silent = _write_pages(document, pages, out)
    if out.length == 0:
        raise ParseFailed(
            "holds no text, only pictures: it is a scan.", fix="Run text recognition on it first."
        )
    if silent:
        out.note(f"{silent} of {pages} pages hold no text")
    return out.parsed(
        title(name, document.get_metadata_value("Title"), out.first_heading), MEDIA_TYPES["pdf"]
    )


def _write_pages(document: PdfDocument, pages: int, out: Composer) -> int:
    """Append the pages; return how many had no text."""
    import pypdfium2

    bookmarks = _bookmarks(document)
    silent = 0
    sizes: Counter[float] = Counter()
    for number in range(1, pages + 1):
        try:
            page = document[number - 1]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            out.note(f"page {number} is damaged and was left out")
            continue
        lines = _lines(text_page)
        text_page.close()
        page.close()
        out.begin("page", f"Page {number}", number)
        before = out.length
        for line in lines:
            sizes[line.size] += len(line.text)
        _write_lines(lines, bookmarks.get(number, {}), sizes.most_common(1)[0][0] if sizes else 0.0, out)
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


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: float
    """Height of its letters in points, rounded."""
    top: float
    bottom: float
    left: float
    right: float


def _lines(page: PdfTextPage) -> list[_Line]:
    text = page.get_text_range()
    lines: list[_Line] = []
    at = 0
    for piece in text.split("\n"):
        shown = piece.rstrip("\r")
        if shown.strip():
            lines.append(_placed(page, shown, at))
        at += len(piece) + 1
    return lines


def _placed(page: PdfTextPage, text: str, at: int) -> _Line:
    """Return a line with its place, judged by its first and last letters."""
    import pypdfium2.raw as pdfium

    first = at + len(text) - len(text.lstrip())
    last = at + len(text.rstrip()) - 1
    try:
        left, bottom, _, top = page.get_charbox(first, loose=True)
        _, _, right, _ = page.get_charbox(last, loose=True)
        size = round(float(pdfium.FPDFText_GetFontSize(page, first)), 1)
    except Exception:  # letters outside the Basic Multilingual Plane shift the count; the text stays right
        return _Line(text, 0.0, 0.0, 0.0, 0.0, 0.0)
    return _Line(text, size if size > 1.5 else round(top - bottom, 1), top, bottom, left, right)


def _write_lines(lines: Sequence[_Line], bookmarks: dict[str, int], body: float, out: Composer) -> None:
    widest = max((line.right for line in lines), default=0.0)
    paragraph: list[_Line] = []
    for line in lines:
        text = one_line(line.text)
        level = bookmarks.get(text.lower(), 0) or _level(line, text, body)
        if level:
            _flush(paragraph, out)
            out.heading(level, text)
            continue
        if paragraph and _parts(paragraph[-1], line, widest):
            _flush(paragraph, out)
        paragraph.append(line)
    _flush(paragraph, out)


def _level(line: _Line, text: str, body: float) -> int:
    """Return the heading level of a line that is set clearly larger than the text, 0 for any other."""
    if not body or line.size < 1.15 * body or not 3 <= len(text) <= 120 or text.endswith((".", ",", ";")):
        return 0
    if not any(letter.isalpha() for letter in text):
        return 0
    return 1 if line.size >= 1.6 * body else 2 if line.size >= 1.3 * body else 3


def _parts(before: _Line, line: _Line, widest: float) -> bool:
    """Return whether a new paragraph begins between two lines that follow each other."""
    if _BULLET.match(line.text.lstrip()):
        return True
    height = max(before.top - before.bottom, line.top - line.bottom, 1.0)
    gap = before.bottom - line.top
    if gap > 0.6 * height or line.top > before.top + height:
        return True
    if abs(before.size - line.size) > 0.1 * max(before.size, line.size, 1.0):
        return True
    ended_early = before.right < widest - 0.25 * max(widest - before.left, 1.0)
    return ended_early and (before.text.rstrip().endswith(_ENDS) or not line.text.lstrip()[:1].islower())


def _flush(paragraph: list[_Line], out: Composer) -> None:
    if not paragraph:
        return
    text = ""
    for line in paragraph:
        piece = re.sub(r"[ \t]+", " ", line.text.strip())
        if _HYPHEN.search(text) and piece[:1].islower():
            text = text[:-1] + piece
        else:
            text = f"{text} {piece}" if text else piece
    out.block(text.replace("\ufffe", "-"), tight=bool(_BULLET.match(text)))
    paragraph.clear()
