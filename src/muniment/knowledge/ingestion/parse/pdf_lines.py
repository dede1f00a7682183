"""The lines of a PDF page in reading order and how they are set: place, size, weight, cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.pdf_grid import Grid, grids
from muniment.knowledge.ingestion.parse.pdf_letters import CELL_GAP, Piece, Run, Word, joined, page_pieces
from muniment.knowledge.ingestion.parse.pdf_order import Flow, flows

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

BULLET = re.compile(r"([•●▪◦‣–—*·-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_PAGE_NUMBER = re.compile(
    r"((page|seite|p\.)\s*)?[-–]?\s*\d{1,4}\s*[-–]?(\s*(of|/|von)\s*\d{1,4})?", re.IGNORECASE
)
_LONE_GAP = 2.2
"""Up to which two parts of a line that stands alone are no cells, in letter heights."""
_LABEL = 4
"""Characters of a number or sign that stands apart before a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands on its page; all measures are in points, from the lower left corner."""

    cells: tuple[Run, ...]
    """The text cut at wide gaps: a row of a table has several."""
    size: float
    """Font size; 0 where it is not known."""
    bold: bool
    left: float
    bottom: float
    right: float
    top: float
    room: float = 0.0
    """Part of its column's width that it leaves free at its end."""
    table: int = 0
    """Number of the table of which it is a row; 0: of none."""

    @property
    def text(self) -> str:
        """Return its words."""
        return " ".join(cell.text for cell in self.cells if cell.text)

    @property
    def height(self) -> float:
        """Return how tall it is."""
        return max(self.top - self.bottom, 1.0)


def page_lines(page: PdfPage, text_page: PdfTextPage) -> list[Line]:
    """Return the lines of a page in reading order, less a page number at its head or foot."""
    pieces, from_right = page_pieces(text_page)
    tables, rest = grids(page, pieces, from_right=from_right)
    lines: list[Line] = []
    for turn in _turns(rest):
        here = [one for one in rest if one.turn == turn]
        beside = tables if turn == 0 else []
        if turn < 0:  # aslant over the page, as a watermark is
            found: list[Flow[Piece | Grid]] = [Flow(tuple((one,) for one in here))]
        else:
            found = flows([*here, *beside], from_right=from_right)
        for flow in found:
            lines += _of_flow(flow, tables, from_right)
    for place in (-1, 0):
        if len(lines) > 1 and _PAGE_NUMBER.fullmatch(lines[place].text.strip()):
            del lines[place]
    return lines


def _turns(pieces: Sequence[Piece]) -> list[int]:
    """Return the ways in which the text of a page is turned, first that of most of it."""
    letters: Counter[int] = Counter({0: 0})
    for piece in pieces:
        letters[piece.turn] += sum(len(word.run.text) for word in piece.words)
    return sorted(letters, key=lambda turn: (turn < 0, -letters[turn]))


def _of_flow(flow: Flow[Piece | Grid], tables: Sequence[Grid], from_right: bool) -> Iterator[Line]:
    parts = [one for row in flow.rows for one in row]
    left, right = min(one.left for one in parts), max(one.right for one in parts)
    made: list[tuple[Line, float]] = []
    for row in flow.rows:
        pieces = [one for one in row if isinstance(one, Piece)]
        if pieces:
            line, gap = _line(pieces)
            free = line.left - left if from_right else right - line.right
            made.append((replace(line, room=free / max(right - left, 1.0)), gap))
        for grid in row:
            if isinstance(grid, Grid):
                made += ((line, 0.0) for line in _of_grid(grid, tables.index(grid) + 1))
    cells = [1, *(0 if line.table else len(line.cells) for line, _ in made), 1]
    for place, (line, gap) in enumerate(made):
        if line.table or len(line.cells) == 1:
            yield line
        elif BULLET.match(line.text) or (max(cells[place], cells[place + 2]) <= 1 and _is_text(line, gap)):
            yield replace(line, cells=(_one(line.cells),))
        else:
            yield replace(line, table=-1)


def _is_text(line: Line, gap: float) -> bool:
    """Return whether the parts of a line without rows beside it are words that stand far apart."""
    return gap <= _LONE_GAP or (len(line.cells) == 2 and len(line.cells[0].text) <= _LABEL)


def _line(pieces: Sequence[Piece]) -> tuple[Line, float]:
    """Return a row of pieces as a line, and its widest gap in letter heights."""
    cells: list[list[Word]] = [list(pieces[0].words)]
    widest = 0.0
    for before, piece in pairwise(pieces):
        gap = max(piece.left - before.right, before.left - piece.right) / max(
            before.letter, piece.letter, 1.0
        )
        widest = max(widest, gap)
        if gap > CELL_GAP:
            cells.append([])
        cells[-1] += piece.words
    tall = max(pieces, key=lambda one: one.top - one.bottom)
    most = max(pieces, key=lambda one: len(one.words))
    runs = tuple(joined(words) for words in cells)
    bold = all(one.bold for one in pieces)
    left, right = min(one.left for one in pieces), max(one.right for one in pieces)
    return Line(runs, most.size, bold, left, tall.bottom, right, tall.top), widest


def _of_grid(grid: Grid, number: int) -> Iterator[Line]:
    for row in grid.cells:
        held = [piece for cell in row for piece in cell]
        runs = tuple(_one([joined(piece.words) for piece in cell]) for cell in row)
        size = held[0].size if held else 0.0
        yield Line(runs, size, False, grid.left, grid.bottom, grid.right, grid.top, 0.0, number)


def _one(runs: Sequence[Run]) -> Run:
    """Return the texts of lines that follow each other as one, words that are cut between them whole."""
    text, at = "", ()
    for run in runs:
        if HYPHEN.search(text) and run.text[:1].islower():
            text, at = text[:-1] + run.text, (*at[:-1], *run.at)
        elif text:
            text, at = f"{text} {run.text}", (*at, -1, *run.at)
        else:
            text, at = run.text, run.at
    return Run(text, at)
