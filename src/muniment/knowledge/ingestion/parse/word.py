"""Word documents: what the final document shows, in reading order."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Protocol

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import check_container
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed


class _Element(Protocol):
    """The part of an lxml element that is used here; lxml has no types of its own."""

    @property
    def tag(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    def get(self, key: str) -> str | None: ...
    def find(self, path: str) -> _Element | None: ...
    def iterancestors(self, tag: str) -> Iterator[_Element]: ...
    def __iter__(self) -> Iterator[_Element]: ...


_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_GONE = frozenset({f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", f"{_W}rPr", f"{_W}instrText", _FALLBACK})
"""Deleted by a tracked change, properties, field codes, and the second copy of a drawing."""
_BREAKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_HEADING = re.compile(r"(?:heading|überschrift|titre|título) ?([1-9])", re.IGNORECASE)


def read_word(name: str, content: bytes) -> Parsed:
    """Read paragraphs, lists, tables, text boxes and footnotes; nothing linked is followed."""
    import docx

    check_container(content)
    try:
        document = docx.Document(io.BytesIO(content))
        levels = _levels(document.styles.element)
        properties = document.core_properties
        named, author = properties.title, properties.author
        body = document.element.body
    except MemoryError:
        raise
    except Exception as error:
        raise ParseFailed(
            "is damaged: it cannot be read as a Word document.", fix="Save it again."
        ) from error
    out = Composer()
    out.author = author or ""
    _Writer(out, levels).blocks(body)
    package = document.part.package
    for part in package.iter_parts() if package is not None else ():
        if str(part.partname) == "/word/footnotes.xml":
            _write_footnotes(part.blob, out)
    return out.parsed(title(name, named, out.first_heading), MEDIA_TYPES["docx"])


def _levels(styles: _Element) -> dict[str, int]:
    """Return the heading level of each style that is a heading, by its id."""
    found: dict[str, int] = {}
    for style in styles:
        level = _level(_value(style.find(f"{_W}name"))) if style.tag == f"{_W}style" else 0
        if level:
            found[str(style.get(f"{_W}styleId") or "")] = level
    return found


def _level(style: str) -> int:
    if style.lower() in ("title", "titel"):
        return 1
    found = _HEADING.fullmatch(style.strip())
    return int(found.group(1)) if found else 0


class _Writer:
    def __init__(self, out: Composer, levels: dict[str, int]) -> None:
        self._out = out
        self._levels = levels

    def blocks(self, parent: _Element) -> None:
        """Append the paragraphs and tables below `parent`, through wrappers such as content controls."""
        waiting = list(reversed(list(parent)))
        while waiting:
            element = waiting.pop()
            if element.tag == f"{_W}p":
                self._paragraph(element)
            elif element.tag == f"{_W}tbl":
                self._out.rows([self._row(row) for row in _below(element, f"{_W}tr")])
            elif element.tag not in _GONE:
                waiting.extend(reversed(list(element)))

    def _paragraph(self, paragraph: _Element) -> None:
        text = self._text(paragraph)
        properties = paragraph.find(f"{_W}pPr")
        style, outline, in_list = "", "", False
        if properties is not None:
            style = _value(properties.find(f"{_W}pStyle"))
            outline = _value(properties.find(f"{_W}outlineLvl"))
            in_list = properties.find(f"{_W}numPr") is not None or style.lower().startswith("list")
        level = self._levels.get(style, 0) or (int(outline) + 1 if outline in "012345678" and outline else 0)
        if level and len(text) <= 300:
            self._out.heading(level, text)
        elif in_list and text.strip():
            self._out.block(f"- {text.strip()}", tight=True)
        else:
            self._out.block(text)
        for box in _below(paragraph, f"{_W}txbxContent"):
            self.blocks(box)

    def _row(self, row: _Element) -> list[str]:
        cells: list[str] = []
        for cell in _below(row, f"{_W}tc"):
            cells.append(" ".join(filter(None, (self._text(p).strip() for p in _below(cell, f"{_W}p")))))
        return cells

    def _text(self, paragraph: _Element) -> str:
        """Return the text of a paragraph as its final version shows it, text boxes apart."""
        pieces: list[str] = []
        waiting = list(reversed(list(paragraph)))
        while waiting:
            element = waiting.pop()
            tag = element.tag
            if tag in _GONE or tag == f"{_W}txbxContent":
                continue
            if tag == f"{_W}r" and _is_hidden(element):
                self._out.hide("".join(text.text or "" for text in _below(element, f"{_W}t")))
            elif tag == f"{_W}t":
                pieces.append(element.text or "")
            elif tag in _BREAKS:
                pieces.append(_BREAKS[str(tag)])
            else:
                waiting.extend(reversed(list(element)))
        return "".join(pieces)


def _is_hidden(run: _Element) -> bool:
    """Return whether a run is marked hidden, is white without a ground, or is too small to see."""
    properties = run.find(f"{_W}rPr")
    if properties is None:
        return False
    vanish = properties.find(f"{_W}vanish")
    if vanish is not None and _value(vanish) not in ("0", "false"):
        return True
    size = _value(properties.find(f"{_W}sz"))
    if size.isdigit() and int(size) <= 3:
        return True
    grounded = properties.find(f"{_W}shd") is not None or properties.find(f"{_W}highlight") is not None
    cell = next(run.iterancestors(f"{_W}tc"), None)
    grounded = grounded or (cell is not None and cell.find(f"{_W}tcPr/{_W}shd") is not None)
    grounded = grounded or next(run.iterancestors(f"{_W}txbxContent"), None) is not None
    paragraph = next(run.iterancestors(f"{_W}p"), None)
    grounded = grounded or (paragraph is not None and paragraph.find(f"{_W}pPr/{_W}shd") is not None)
    return _value(properties.find(f"{_W}color")).lower() == "ffffff" and not grounded


def _below(parent: _Element, tag: str) -> Iterator[_Element]:
    """Yield the nearest descendants with `tag`: those inside another such are part of that one."""
    waiting = list(reversed(list(parent)))
    while waiting:
        element = waiting.pop()
        if element.tag == tag:
            yield element
        elif element.tag not in _GONE:
            waiting.extend(reversed(list(element)))


def _value(element: _Element | None) -> str:
    return str(element.get(f"{_W}val") or "") if element is not None else ""


def _write_footnotes(part: bytes, out: Composer) -> None:
    from defusedxml.ElementTree import fromstring

    for note in fromstring(part):
        if note.get(f"{_W}type") is None:
            text = "".join(piece.text or "" for piece in note.iter(f"{_W}t")).strip()
            if text:
                out.block(f"Footnote: {text}")
