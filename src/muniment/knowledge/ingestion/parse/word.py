"""Word documents: what the final document shows, in reading order, with its comments."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import check_container
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.office_parts import comment_line, transitional
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parse.word_elements import (
    GONE,
    Element,
    W,
    below,
    found,
    is_on,
    value,
)
from muniment.knowledge.ingestion.parse.word_equations import MATH, equation
from muniment.knowledge.ingestion.parse.word_styles import Styles
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from docx.document import Document

_BREAKS = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
_SYMBOLS = {"6f": "☐", "a8": "☐", "78": "☒", "fd": "☒", "fe": "☑", "fc": "✓", "fb": "✗", "e0": "→", "b7": "•"}
"""Signs of the font Wingdings that say something, by the end of their code."""
_MOST_OF_A_HEADING = 300


def read_word(name: str, content: bytes) -> Parsed:
    """Read paragraphs, lists, tables, text boxes, equations, notes and comments; nothing linked is followed."""
    import docx

    check_container(content)
    out = Composer()
    try:
        content = transitional(content)
        document = docx.Document(io.BytesIO(content))
        properties = document.core_properties
        named, author = properties.title, properties.author
        body = document.element.body
        numbering = next(_related(document, "numbering"), None)
        writer = _Writer(out, Styles(document.styles.element, numbering))
        comments = list(_related(document, "comments"))
        notes = [(mark, one) for kind, mark in _NOTES for root in _related(document, kind) for one in root]
        margins = [(mark, one) for kind, mark in _MARGINS for one in _related(document, kind)]
    except MemoryError:
        raise
    except Exception as error:
        raise ParseFailed(
            "is damaged: it cannot be read as a Word document.", fix="Save it again."
        ) from error
    out.author = author or ""
    for comment in [one for root in comments for one in root]:
        writer.learn_comment(comment)
    writer.blocks(body)
    writer.notes([(mark, one) for mark, one in notes if one.get(f"{W}type") is None])
    writer.notes([(mark, one) for mark, one in margins if not _is_page_number(one)])
    return out.parsed(title(name, named, out.first_heading), MEDIA_TYPES["docx"])


class _Writer:
    def __init__(self, out: Composer, styles: Styles) -> None:
        self._out = out
        self._styles = styles
        self._comments: dict[str, str] = {}
        self._referred: list[str] = []
        self._after_code = False

    def blocks(self, parent: Element) -> None:
        """Append the paragraphs and tables below `parent`, through wrappers such as content controls."""
        waiting = list(reversed(list(parent)))
        while waiting:
            element = waiting.pop()
            if element.tag == f"{W}p":
                self._paragraph(element)
            elif element.tag == f"{W}tbl":
                self._table(element)
            elif element.tag not in GONE:
                waiting.extend(reversed(list(element)))

    def learn_comment(self, comment: Element) -> None:
        """Keep a comment for the place that refers to it."""
        by, at = (str(comment.get(f"{W}{name}") or "") for name in ("author", "date"))
        line = comment_line(by, at, "", self._whole(comment))
        self._comments[str(comment.get(f"{W}id") or "")] = line

    def notes(self, notes: Sequence[tuple[str, Element]]) -> None:
        """Append notes, each with its mark, and what several pages repeat once."""
        for line in dict.fromkeys((mark, self._whole(note)) for mark, note in notes):
            if line[1]:
                self._out.block(f"{line[0]}: {line[1]}")

    def _whole(self, parent: Element) -> str:
        return one_line(" ".join(self._text(one) for one in below(parent, f"{W}p")))

    def _paragraph(self, paragraph: Element) -> None:
        text = self._text(paragraph)
        level = self._styles.level(paragraph)
        item = self._styles.item(paragraph) if text.strip() else None
        is_code = not level and item is None and self._styles.is_code(paragraph)
        if level and len(text) <= _MOST_OF_A_HEADING:
            number = item[1] if item is not None and item[1] != "-" else ""
            self._out.heading(level, f"{number} {text}")
        elif item is not None:
            self._out.item(text, *item)
        elif is_code:
            self._out.verbatim(text, tight=self._after_code)
        else:
            self._out.block(text)
        self._after_code = is_code
        self._write_comments()
        for box in below(paragraph, f"{W}txbxContent"):
            self.blocks(box)

    def _write_comments(self) -> None:
        for identity in self._referred:
            self._out.block(self._comments.get(identity, ""))
        self._referred.clear()

    def _table(self, table: Element) -> None:
        """Append a table; one of a single column that holds more than lines is a frame around text."""
        rows = [one for one in below(table, f"{W}tr") if found(one, "trPr/del") is None]
        cells = [
            [cell for cell in below(row, f"{W}tc") if found(cell, "tcPr/cellDel") is None] for row in rows
        ]
        if all(len(row) == 1 for row in cells) and any(_is_frame(row[0]) for row in cells):
            for row in cells:
                self.blocks(row[0])
            return
        self._out.rows([self._row(row, in_row) for row, in_row in zip(rows, cells, strict=True)])
        self._after_code = False
        self._write_comments()

    def _row(self, row: Element, cells: list[Element]) -> list[str]:
        """Return a cell a column: what is merged stands in the first of its columns and rows."""
        texts = [""] * _count(found(row, "trPr/gridBefore"), 0)
        for cell in cells:
            merged = found(cell, "tcPr/vMerge")
            goes_on = merged is not None and value(merged) in ("", "continue")
            goes_on = goes_on or value(found(cell, "tcPr/hMerge")) == "continue"
            texts.append("" if goes_on else self._cell(cell))
            texts += [""] * (_count(found(cell, "tcPr/gridSpan"), 1) - 1)
        return texts

    def _cell(self, cell: Element) -> str:
        pieces: list[str] = []
        for paragraph in below(cell, f"{W}p"):
            text = self._text(paragraph).strip()
            item = self._styles.item(paragraph) if text else None
            pieces.append(f"{item[1]} {text}" if item is not None else text)
            pieces += [" ".join(self._cell(box).split()) for box in below(paragraph, f"{W}txbxContent")]
        return " ".join(filter(None, pieces))

    def _text(self, paragraph: Element) -> str:
        """Return the text of a paragraph as its final version shows it, text boxes apart."""
        pieces: list[str] = []
        waiting = list(reversed(list(paragraph)))
        while waiting:
            element = waiting.pop()
            tag = element.tag
            if tag in GONE or tag == f"{W}txbxContent":
                continue
            if tag == f"{W}r" and _is_hidden(element):
                self._out.hide("".join(text.text or "" for text in below(element, f"{W}t")))
            elif tag == f"{MATH}oMath":
                pieces.append(equation(element))
            elif tag == f"{W}commentReference":
                self._referred.append(str(element.get(f"{W}id") or ""))
            elif (said := _said(element)) is not None:
                pieces.append(said)
            else:
                waiting.extend(reversed(list(element)))
        return "".join(pieces)


def _said(element: Element) -> str | None:
    """Return the text that an element of a run stands for, or None where it may hold others."""
    tag = str(element.tag)
    if tag == f"{W}t":
        return element.text or ""
    if tag in _BREAKS:
        return _BREAKS[tag]
    if tag == f"{W}sym":
        return _SYMBOLS.get(str(element.get(f"{W}char") or "")[-2:].lower(), "")
    if tag == f"{W}checkBox":
        checked = found(element, "checked")
        return "☒ " if is_on(checked if checked is not None else found(element, "default")) else "☐ "
    return None


def _is_frame(cell: Element) -> bool:
    return sum(1 for child in cell if child.tag in (f"{W}p", f"{W}tbl", f"{W}sdt")) > 1


def _count(element: Element | None, usual: int) -> int:
    """Return how many columns a cell spans, within reason."""
    count = value(element)
    return min(int(count), 100) if count.isdecimal() and len(count) < 6 else usual


def _is_hidden(run: Element) -> bool:
    """Return whether a run is marked hidden, is white without a ground, or is too small to see."""
    properties = run.find(f"{W}rPr")
    if properties is None:
        return False
    if is_on(properties.find(f"{W}vanish")):
        return True
    size = value(properties.find(f"{W}sz"))
    if size.isdigit() and int(size) <= 3:
        return True
    grounded = properties.find(f"{W}shd") is not None or properties.find(f"{W}highlight") is not None
    cell = next(run.iterancestors(f"{W}tc"), None)
    grounded = grounded or (cell is not None and cell.find(f"{W}tcPr/{W}shd") is not None)
    grounded = grounded or next(run.iterancestors(f"{W}txbxContent"), None) is not None
    paragraph = next(run.iterancestors(f"{W}p"), None)
    grounded = grounded or (paragraph is not None and paragraph.find(f"{W}pPr/{W}shd") is not None)
    return value(properties.find(f"{W}color")).lower() == "ffffff" and not grounded


_NOTES = (("footnotes", "Footnote"), ("endnotes", "Endnote"))
_MARGINS = (("header", "Header"), ("footer", "Footer"))
_FEW = 3
"""Words that may stand beside a page's number: `Page 3 of 12`."""


def _related(document: Document, kind: str) -> Iterator[Element]:
    """Yield the roots of the parts of a kind that the document refers to."""
    from docx.opc.part import XmlPart
    from docx.oxml import parse_xml

    for one in document.part.rels.values():
        if one.reltype.endswith(f"/{kind}") and not one.is_external:
            part = one.target_part
            yield part.element if isinstance(part, XmlPart) else parse_xml(part.blob)


def _is_page_number(margin: Element) -> bool:
    """Return whether the head or foot of a page says little more than the page's number."""
    fields = [one.text or "" for one in _everywhere(margin, f"{W}instrText")]
    fields += [str(one.get(f"{W}instr") or "") for one in _everywhere(margin, f"{W}fldSimple")]
    words = re.findall(r"[^\W\d_]+", " ".join(one.text or "" for one in _everywhere(margin, f"{W}t")))
    return not words or (len(words) <= _FEW and any("PAGE" in one for one in fields))


def _everywhere(parent: Element, tag: str) -> Iterator[Element]:
    waiting = [parent]
    while waiting:
        element = waiting.pop()
        if element.tag == tag:
            yield element
        waiting.extend(element)
