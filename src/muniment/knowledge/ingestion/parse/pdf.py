"""PDF files, page by page: lines joined to paragraphs, large, bold or bookmarked lines taken for headings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.pdf_blocks import PageWriter, Style
from muniment.knowledge.ingestion.parse.pdf_lines import page_lines
from muniment.knowledge.ingestion.parse.pdf_notes import page_notes
from muniment.knowledge.ingestion.parse.pdf_open import open_pdf
from muniment.knowledge.ingestion.parse.pdf_outline import outline
from muniment.knowledge.ingestion.parse.scans import Scans
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MOST_PAGES = 3_000


def read_pdf(name: str, content: bytes, passwords: Sequence[str] = (), scans: Scans | None = None) -> Parsed:
    """Read the text of a PDF. Raises ParseFailed where it is locked, damaged or only pictures."""
    document = open_pdf(content, passwords)
    count = len(document)
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

    titles = outline(document)
    style = Style()
    silent = 0
    for number in range(1, pages + 1):
        try:
            page = document[number - 1]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            out.note(f"page {number} is damaged and was left out")
            continue
        lines = page_lines(page, text_page)
        notes = page_notes(page)
        text_page.close()
        style.learn(lines)
        out.begin("page", f"Page {number}", number)
        before = out.length
        if not scans.written(page, sum(len(line.text.strip()) for line in lines), number, out):
            PageWriter(lines, style, titles.get(number, {}), out).write()
        page.close()
        for note in notes:
            out.block(note)
        silent += out.length == before
    return silent
