"""OpenDocument files (LibreOffice and others): texts, spreadsheets and presentations."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import check_container, opened
from muniment.knowledge.ingestion.parse.normal import MOST_CHARACTERS, Composer, one_line, table_lines
from muniment.knowledge.ingestion.parse.structured import xml_tree
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251 - the type alone

_SPACE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_OFFICE, _STYLE, _TEXT = _SPACE % "office", _SPACE % "style", _SPACE % "text"
_TABLE, _DRAW, _SHOW = _SPACE % "table", _SPACE % "drawing", _SPACE % "presentation"
_FO, _META, _DC = _SPACE % "xsl-fo-compatible", _SPACE % "meta", "{http://purl.org/dc/elements/1.1/}"
_MOST_CELLS = 2_000_000
_MOST_SPACES = 100
_GONE = frozenset(
    {
        f"{_TEXT}tracked-changes", f"{_TEXT}note", f"{_TEXT}table-of-content", f"{_OFFICE}annotation",
        f"{_OFFICE}forms", f"{_TEXT}sequence-decls", f"{_TEXT}variable-decls", f"{_TEXT}user-field-decls",
        f"{_TEXT}ruby-text", f"{_SHOW}notes", f"{_OFFICE}event-listeners",
        "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}title",
        "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}desc",
    }
)  # fmt: skip
"""Not part of the text as a reader sees it: deleted words, comments, notes (told apart), what is generated."""
_HIDDEN_FIELDS = frozenset({f"{_TEXT}hidden-text", f"{_TEXT}hidden-paragraph"})


@dataclass(slots=True)
class _Styles:
    hidden: set[str] = field(default_factory=set)
    white: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)
    unshown: set[str] = field(default_factory=set)
    """Of sheets and slides."""


@dataclass(frozen=True, slots=True)
class _File:
    body: Element
    styles: _Styles
    title: str
    author: str


def read_odt(name: str, content: bytes) -> Parsed:
    """Read a text as its final version shows it. Raises ParseFailed where it cannot be read."""
    file = _opened(content, "text")
    out = Composer()
    writer = _Writer(out, file.styles)
    writer.blocks(file.body)
    writer.notes(file.body)
    out.author = file.author
    return out.parsed(title(name, file.title, out.first_heading), MEDIA_TYPES["odt"])


def read_ods(name: str, content: bytes) -> Parsed:
    """Read the visible sheets: stored values, no formulas. Raises ParseFailed where it cannot be read."""
    file = _opened(content, "spreadsheet")
    out = Composer()
    cells = _Cells()
    for number, sheet in enumerate(file.body.iterfind(f"{_TABLE}table"), 1):
        if sheet.get(f"{_TABLE}style-name") in file.styles.unshown:
            out.note(f"hidden sheet {number} was left out")
            continue
        named = one_line(sheet.get(f"{_TABLE}name") or f"Sheet {number}")
        lines: list[str] = []
        for table in _tables(cells.rows(sheet)):
            lines += table_lines(table, always_name=True)
        out.begin("sheet", named, number)
        if lines:
            out.heading(1, named)
            out.block("\n".join(lines), tight=True)
    out.author = file.author
    return out.parsed(title(name, file.title), MEDIA_TYPES["ods"])


def read_odp(name: str, content: bytes) -> Parsed:
    """Read the slides that are shown, with their notes. Raises ParseFailed where it cannot be read."""
    file = _opened(content, "presentation")
    out = Composer()
    writer = _Writer(out, file.styles)
    for number, slide in enumerate(file.body.iterfind(f"{_DRAW}page"), 1):
        if slide.get(f"{_DRAW}style-name") in file.styles.unshown:
            out.note(f"hidden slide {number} was left out")
            continue
        named = next((one for one in slide if one.get(f"{_SHOW}class") == "title"), None)
        heading = one_line(" ".join(writer.texts(named))) if named is not None else ""
        out.begin("slide", heading or f"Slide {number}", number)
        if heading:
            out.heading(1, heading)
        for shape in slide:
            if shape is not named and shape.tag not in _GONE:
                writer.blocks(shape)
        frames = slide.iterfind(f"{_SHOW}notes/*[@{_SHOW}class='notes']")
        spoken = one_line(" ".join(text for frame in frames for text in writer.texts(frame)))
        if spoken:
            out.block(f"Notes: {spoken}")
    out.author = file.author
    return out.parsed(title(name, file.title, out.first_heading), MEDIA_TYPES["odp"])


def _opened(content: bytes, kind: str) -> _File:
    check_container(content)
    with opened(content) as archive:
        if b"encryption-data" in _part(archive, "META-INF/manifest.xml"):
            raise ParseFailed("is protected by a password.", fix="Save a copy without the password.")
        root = xml_tree(_part(archive, "content.xml"))
        looks, meta = _part(archive, "styles.xml"), _part(archive, "meta.xml")
    body = root.find(f"{_OFFICE}body/{_OFFICE}{kind}")
    if body is None:
        raise ParseFailed(f"is damaged: it holds no {kind}.", fix="Save it again.")
    about = xml_tree(meta).find(f"{_OFFICE}meta") if meta else None
    author = title_ = ""
    if about is not None:
        title_ = about.findtext(f"{_DC}title") or ""
        author = about.findtext(f"{_META}initial-creator") or about.findtext(f"{_DC}creator") or ""
    return _File(body, _styles([root, *([xml_tree(looks)] if looks else [])]), title_, author)


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except KeyError:
        if name == "content.xml":
            raise ParseFailed("is damaged: its content is missing.", fix="Save it again.") from None
        return b""


def _styles(roots: list[Element]) -> _Styles:
    """Return which styles hide, as they say themselves or take over from the styles that they build on."""
    found = _Styles()
    above: dict[str, str] = {}
    for root in roots:
        for style in root.iter(f"{_STYLE}style"):
            name = style.get(f"{_STYLE}name") or ""
            above[name] = style.get(f"{_STYLE}parent-style-name") or ""
            _look(name, style, found)
    found.titles.add("Title")
    for name in above:
        chain = [name]
        while (following := above.get(chain[-1], "")) and following not in chain and len(chain) < 20:
            chain.append(following)
        for group in (found.hidden, found.white, found.titles):
            if group.intersection(chain):
                group.add(name)
    return found


def _look(name: str, style: Element, found: _Styles) -> None:
    letters, page = style.find(f"{_STYLE}text-properties"), style.find(f"{_STYLE}drawing-page-properties")
    sheet, paragraph = style.find(f"{_STYLE}table-properties"), style.find(f"{_STYLE}paragraph-properties")
    if letters is not None:
        size = (letters.get(f"{_FO}font-size") or "").removesuffix("pt")
        small = size.replace(".", "", 1).isdigit() and float(size) <= 1.5
        if letters.get(f"{_TEXT}display") == "none" or small:
            found.hidden.add(name)
        grounds = [one.get(f"{_FO}background-color") for one in (letters, paragraph) if one is not None]
        if (letters.get(f"{_FO}color") or "").lower() == "#ffffff" and not any(grounds):
            found.white.add(name)
    if (page is not None and page.get(f"{_SHOW}visibility") == "hidden") or (
        sheet is not None and sheet.get(f"{_TABLE}display") == "false"
    ):
        found.unshown.add(name)


class _Writer:
    def __init__(self, out: Composer, styles: _Styles) -> None:
        self._out = out
        self._styles = styles

    def blocks(self, parent: Element) -> None:
        """Append the headings, paragraphs, lists and tables below `parent`, through wrappers such as sections."""
        waiting = [(child, False, False) for child in reversed(parent)]
        while waiting:
            element, listed, grounded = waiting.pop()
            tag = element.tag
            if tag in _GONE or (tag == f"{_TEXT}section" and element.get(f"{_TEXT}display") == "none"):
                if tag == f"{_TEXT}section":
                    self._out.hide("".join(element.itertext()))
            elif tag in (f"{_TEXT}h", f"{_TEXT}p"):
                self._paragraph(element, listed, grounded)
                waiting.extend((box, False, True) for box in reversed(list(_boxes(element))))
            elif tag == f"{_TABLE}table":
                self._out.rows([self._row(row) for row in element.iter(f"{_TABLE}table-row")])
            else:
                listed = listed or tag == f"{_TEXT}list"
                grounded = grounded or tag.startswith(_DRAW)
                waiting.extend((child, listed, grounded) for child in reversed(element))

    def texts(self, parent: Element) -> Iterator[str]:
        """Yield the paragraphs below `parent`."""
        for element in parent.iter():
            if element.tag in (f"{_TEXT}p", f"{_TEXT}h"):
                yield self._text(element, grounded=True)

    def notes(self, body: Element) -> None:
        """Append the footnotes and endnotes."""
        for note in body.iter(f"{_TEXT}note-body"):
            text = one_line(" ".join(self.texts(note)))
            if text:
                self._out.block(f"Footnote: {text}")

    def _paragraph(self, element: Element, listed: bool, grounded: bool) -> None:
        text = self._text(element, grounded)
        level = 0
        if element.tag == f"{_TEXT}h":
            stated = element.get(f"{_TEXT}outline-level") or "1"
            level = min(int(stated), 9) if stated.isdecimal() and len(stated) < 4 else 1
        elif element.get(f"{_TEXT}style-name") in self._styles.titles:
            level = 1
        if level and len(text) <= 300:
            self._out.heading(level, text)
        elif listed and text.strip():
            self._out.block(f"- {text.strip()}", tight=True)
        else:
            self._out.block(text)

    def _row(self, row: Element) -> list[str]:
        return [
            " ".join(filter(None, (text.strip() for text in self.texts(cell))))
            for cell in row
            if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
        ]

    def _text(self, paragraph: Element, grounded: bool) -> str:
        """Return the text that a paragraph shows; that of boxes stands apart."""
        pieces: list[str] = []
        waiting: list[Element | str | None] = [paragraph]
        while waiting:
            part = waiting.pop()
            if part is None or isinstance(part, str):
                pieces.append(_collapsed(part or ""))
                continue
            tag = part.tag
            if tag in _GONE or tag.startswith(_DRAW):
                continue
            if tag in _HIDDEN_FIELDS or self._is_hidden(part, grounded):
                self._out.hide("".join(part.itertext()))
                self._out.hide(part.get(f"{_TEXT}string-value") or "")
            elif tag == f"{_TEXT}s":
                count = part.get(f"{_TEXT}c") or "1"
                pieces.append(
                    " " * (min(int(count), _MOST_SPACES) if count.isdecimal() and len(count) < 9 else 1)
                )
            elif tag == f"{_TEXT}tab":
                pieces.append("\t")
            elif tag == f"{_TEXT}line-break":
                pieces.append("\n")
            else:
                inner: list[Element | str | None] = [part.text]
                for child in part:
                    inner += [child, child.tail]
                waiting.extend(reversed(inner))
        return "".join(pieces)

    def _is_hidden(self, element: Element, grounded: bool) -> bool:
        style = element.get(f"{_TEXT}style-name")
        return style in self._styles.hidden or (not grounded and style in self._styles.white)


def _collapsed(text: str) -> str:
    """Return text whose runs of space, ends of lines included, are one space, as the format has it."""
    if not text:
        return ""
    begins, ends = text[0].isspace(), text[-1].isspace()
    words = " ".join(text.split())
    return (" " if begins else "") + words + (" " if ends and words else "")


def _boxes(paragraph: Element) -> Iterator[Element]:
    """Yield the outermost drawings anchored in a paragraph."""
    waiting = list(reversed(paragraph))
    while waiting:
        element = waiting.pop()
        if element.tag.startswith(_DRAW):
            yield element
        elif element.tag not in _GONE:
            waiting.extend(reversed(element))


class _Cells:
    """Reads cells up to a bound for all sheets together, repeated ones included."""

    def __init__(self) -> None:
        self._cells = self._characters = 0

    def rows(self, sheet: Element) -> list[list[str]]:
        rows: list[list[str]] = []
        for element in sheet.iter(f"{_TABLE}table-row"):
            row = self._row(element)
            again = _repeated(element, "number-rows-repeated") if row else 1
            self._spend(again * len(row), again * sum(map(len, row)))
            rows += [row] * (again if row or (rows and rows[-1]) else 0)
        return rows

    def _row(self, element: Element) -> list[str]:
        row: list[str] = []
        empty = 0
        for cell in element:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            again = _repeated(cell, "number-columns-repeated")
            value = _value(cell)
            if not value:
                empty += again
                continue
            self._spend(empty + again, again * len(value))
            row += [""] * empty + [value] * again
            empty = 0
        return row

    def _spend(self, cells: int, characters: int) -> None:
        self._cells += cells
        self._characters += characters
        if self._cells > 2 * _MOST_CELLS:  # each is counted with its row once more
            raise ParseFailed(
                f"holds more than {_MOST_CELLS:,} cells.", fix="Split it into smaller workbooks."
            )
        if self._characters > 2 * MOST_CHARACTERS:
            raise ParseFailed(
                f"holds more than {MOST_CHARACTERS:,} characters of text.", fix="Split it into smaller files."
            )


def _repeated(element: Element, name: str) -> int:
    stated = element.get(f"{_TABLE}{name}") or "1"
    return max(1, int(stated)) if stated.isdecimal() and len(stated) < 10 else 1


def _value(cell: Element) -> str:
    """Return a cell as people write it: numbers and dates plain, all else as it is shown."""
    kind, stated = cell.get(f"{_OFFICE}value-type"), cell.get(f"{_OFFICE}value") or ""
    if kind == "date" and (date := cell.get(f"{_OFFICE}date-value")):
        return one_line(date.removesuffix("T00:00:00").replace("T", " "))
    if kind == "boolean" and (truth := cell.get(f"{_OFFICE}boolean-value")):
        return "yes" if truth == "true" else "no"
    if kind == "float" and stated:
        return one_line(stated)
    shown = [one_line("".join(text.itertext())) for text in cell.iterfind(f"{_TEXT}p")]
    return " ".join(filter(None, shown)) or one_line(stated)


def _tables(rows: list[list[str]]) -> list[list[list[str]]]:
    """Split a sheet at its blank lines; a title above a table stands on its own."""
    tables: list[list[list[str]]] = [[]]
    for row in rows:
        if not row:
            tables.append([])
        else:
            if len(tables[-1]) == 1 and sum(map(bool, tables[-1][0])) == 1 < sum(map(bool, row)):
                tables.append([])
            tables[-1].append(row)
    return [table for table in tables if table]
