"""What the lines of a PDF page make: paragraphs, headings and tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median_low

from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.pdf_lines import BULLET, HYPHEN, Line
from muniment.knowledge.ingestion.parse.pdf_outline import bookmarked

_ENDS = (".", "!", "?", ":", ";", "؟", "。")
_BOLD_LEVEL = 4
_KEEPS_HYPHEN = re.compile(r"(und|oder|and|or|bzw|et|ou|en|of|y|e)\b")
"""Words before which a hyphen stands for the rest of a compound."""
_COMPOUND = re.compile(r"\w+-\w+")
_MOST_COMPOUNDS = 50_000


class Style:
    """How most of the text so far is set."""

    def __init__(self) -> None:
        self._sizes: Counter[float] = Counter()
        self._bold = 0
        self._all = 0
        self._compounds: set[str] = set()

    def learn(self, lines: Sequence[Line]) -> None:
        """Take the lines of a page into account."""
        for line in lines:
            text = line.text
            self._sizes[line.size] += len(text)
            self._bold += line.bold * len(text)
            self._all += len(text)
            if "-" in text and len(self._compounds) < _MOST_COMPOUNDS:
                self._compounds.update(one.lower() for one in _COMPOUND.findall(text))

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

    def joined(self, text: str, piece: str) -> str:
        """Return text with its next line, a word that is cut between them whole again where that is sure."""
        if not text:
            return piece
        if not HYPHEN.search(text) or _KEEPS_HYPHEN.match(piece):
            return f"{text} {piece}"
        if not piece[:1].islower():
            return text + piece if piece[:1].isalnum() and not text.endswith("\u00ad") else f"{text} {piece}"
        before, after = re.search(r"\w+(?=\W$)", text), re.match(r"\w+", piece)
        compound = f"{before[0]}-{after[0]}".lower() if before and after else ""
        if compound in self._compounds and text.endswith("-"):
            return text + piece
        return text[:-1] + piece


class PageWriter:
    """Writes the lines of a page."""

    def __init__(
        self, lines: Sequence[Line], style: Style, bookmarks: Mapping[str, int], out: Composer
    ) -> None:
        self._lines = lines
        self._style = style
        self._bookmarks = bookmarks
        self._out = out
        self._paragraph: list[Line] = []
        pitches = [a.bottom - b.bottom for a, b in pairwise(lines) if a.bottom > b.bottom]
        self._pitch = median_low(pitches) if pitches else 0.0

    def write(self) -> None:
        """Append all of them."""
        titles = bookmarked([line.text for line in self._lines], self._bookmarks)
        place = 0
        while place < len(self._lines):
            line = self._lines[place]
            if place in titles:
                level, count = titles[place]
                self._flush()
                text = ""
                for part in self._lines[place : place + count]:
                    text = self._style.joined(text, one_line(part.text))
                self._out.heading(level, text)
                place += count
            elif line.table:
                self._flush()
                rows = self._rows(place)
                self._out.rows([[cell.text for cell in row.cells] for row in rows])
                place += len(rows)
            else:
                self._write_line(place, line)
                place += 1
        self._flush()

    def _rows(self, place: int) -> list[Line]:
        return table_from(self._lines, place)

    def _write_line(self, place: int, line: Line) -> None:
        text = one_line(line.text)
        level = self._style.level(line, text)
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
        if place + 1 >= len(self._lines) or self._lines[place + 1].bold or BULLET.match(line.text.lstrip()):
            return False
        above = self._lines[place - 1] if place else None
        return above is None or above.bottom - line.top > 0.3 * line.height

    def _parts(self, before: Line, line: Line) -> bool:
        """Return whether a new paragraph begins between two lines that follow each other."""
        if BULLET.match(line.text.lstrip()):
            return True
        if abs(before.size - line.size) > 0.1 * max(before.size, line.size, 1.0):
            return True
        ended = before.text.rstrip().endswith(_ENDS)
        cut = HYPHEN.search(before.text.rstrip()) is not None
        begins = not line.text.lstrip()[:1].islower()
        if line.top > before.top + line.height:  # at the head of the next column
            return not cut and (ended or begins or before.room > 0.25)
        height = max(before.height, line.height)
        gap = before.bottom - line.top
        if gap > 0.6 * height and (gap > 1.5 * height or before.bottom - line.bottom > 1.25 * self._pitch):
            return True
        if gap > 0.6 * height and ended:
            return True
        return not cut and before.room > 0.25 and (ended or begins)

    def _flush(self) -> None:
        text = ""
        for line in self._paragraph:
            text = self._style.joined(text, re.sub(r"[ \t]+", " ", line.text.strip()))
        self._out.block(text, tight=bool(BULLET.match(text)))
        self._paragraph.clear()


def table_from(lines: Sequence[Line], place: int) -> list[Line]:
    """Return the rows of one table, the first of which stands at this place."""
    rows: list[Line] = []
    for line in lines[place:]:
        if line.table != lines[place].table:
            break
        rows.append(line)
    return rows
