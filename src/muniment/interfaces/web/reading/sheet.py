"""A sheet as a table, as far as its stored lines tell: which column a cell stands in, and which line a row is.

A stored line either lists its cells, or names the column before each (`name: value`), as a line above listed them.
The first line of a table whose lines list their cells heads it where these can be names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from muniment.interfaces.web.reading.marker import Marker, Span
from muniment.interfaces.web.reading.views import Grid, Leaf, Row, Run
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import Unit
from muniment.knowledge.ingestion.parse.normal import column_names

MOST_ROWS = 200
"""On one web page."""
MOST_COLUMNS = 200
"""What stands behind them is shown as it is stored, in the last one."""
_BETWEEN = " | "
_NAMED = ": "


class _Names:
    """Names of columns, as a line lists them."""

    def __init__(self, cells: tuple[str, ...] = ()) -> None:
        self.heads = tuple(one + _NAMED if one else "" for one in cells)
        self._plain = frozenset(one for one in cells if one)
        self._odd = tuple(one + _NAMED for one in cells if _NAMED in one)

    def begin(self, line: str) -> bool:
        """Return whether a line begins with one of them."""
        name, between, _ = line.partition(_NAMED)
        # Only a name that holds the sign itself may go on behind the first one.
        return bool(between) and (name in self._plain or line.startswith(self._odd))

    def at(self, piece: str, free: int) -> int:
        """Return the first column from `free` on whose name a piece begins with, or -1."""
        if not piece.startswith(tuple(one for one in self.heads[free:] if one)):
            return -1
        return next(
            n for n in range(free, len(self.heads)) if self.heads[n] and piece.startswith(self.heads[n])
        )


_NONE = _Names()


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    names: _Names
    """Of the columns, where this line names them before its cells."""
    heads: bool = False


def sheet(
    number: int, name: str, unit: Unit, marker: Marker, row: int | None, href: Callable[[int], str]
) -> Leaf:
    """Return the rows of a sheet from `row` on, or those around what is marked; `href` leads to a row."""
    lines = list(_lines(marker.text, unit))
    title: tuple[Run, ...] = ()
    if unit.label and lines and marker.text[lines[0].start : lines[0].end] == unit.label:
        if not name or marker.touches(lines[0].start, lines[0].end):
            title = marker.runs(lines[0].start, lines[0].end)
        del lines[0]
    marked = next((n for n, one in enumerate(lines) if marker.touches(one.start, one.end)), 0)
    first = (marked if row is None else min(max(row, 1), max(len(lines), 1)) - 1) // MOST_ROWS * MOST_ROWS
    rows = tuple(
        Row(n, tuple(_cells(line, marker)), line.heads)
        for n, line in enumerate(lines[first : first + MOST_ROWS], first + 1)
    )
    width = max((len(one.cells) for one in rows), default=0)
    grid = Grid(
        label=name or unit.label or say("document.sheet"),
        letters=tuple(letter(n) for n in range(width)),
        rows=tuple(Row(one.number, one.cells + ((),) * (width - len(one.cells)), one.names) for one in rows),
        said=say("document.rows", first=first + 1, last=first + len(rows), all=len(lines)) if rows else "",
        earlier=href(first + 1 - MOST_ROWS) if first else "",
        later=href(first + 1 + MOST_ROWS) if first + MOST_ROWS < len(lines) else "",
    )
    return Leaf(number, name, (), "sheet", title=title, grid=grid)


def letter(column: int) -> str:
    """Return the name of a column, from 0, as sheets name them."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _lines(text: str, unit: Unit) -> Iterator[_Line]:
    bounds = [one for one in _line_bounds(text, unit) if text[slice(*one)].strip()]
    names = _NONE
    before = 0
    for place, (start, end) in enumerate(bounds):
        line = text[start:end]
        if names.begin(line):
            yield _Line(start, end, names)
            continue
        cells = tuple(line.split(_BETWEEN, MOST_COLUMNS)[:MOST_COLUMNS])
        after = text[slice(*bounds[place + 1])] if place + 1 < len(bounds) else ""
        named = _Names(cells) if len(cells) > 1 else _NONE
        names = named if named.begin(after) else _NONE
        over = before < 2 and bool(column_names([list(cells), after.split(_BETWEEN)], always_name=True))
        yield _Line(start, end, _NONE, names is not _NONE or over)
        before = len(cells)


def _line_bounds(text: str, unit: Unit) -> Iterator[Span]:
    start = unit.start
    while start < unit.end:
        end = text.find("\n", start, unit.end)
        end = unit.end if end < 0 else end
        yield start, end
        start = end + 1


def _cells(line: _Line, marker: Marker) -> Iterator[tuple[Run, ...]]:
    pieces = list(_pieces(marker.text, line.start, line.end))
    if line.names is _NONE:
        for start, end in pieces:
            yield marker.runs(start, end)
        return
    column = 0
    for start, value, end, at in _placed(marker.text, pieces, line.names):
        while column < at:
            yield ()
            column += 1
        # The name of a column is heard again only where it is quoted.
        named = marker.runs(start, value, quiet=True) if marker.touches(start, value) else ()
        yield (*named, *marker.runs(value, end))
        column += 1


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    for _ in range(MOST_COLUMNS - 1):
        if (between := text.find(_BETWEEN, start, end)) < 0:
            break
        yield start, between
        start = between + len(_BETWEEN)
    yield start, end


def _placed(text: str, pieces: list[Span], names: _Names) -> Iterator[tuple[int, int, int, int]]:
    """Yield each cell's start, the start of its value, its end, and its column; a piece without a name goes on."""
    cells: list[tuple[int, int, int, int]] = []
    free = 0
    for start, end in pieces:
        piece = text[start:end]
        at = names.at(piece, free)
        if at >= 0:
            cells.append((start, start + len(names.heads[at]), end, at))
            free = at + 1
        elif not cells:
            cells.append((start, start, end, 0))
            free = 1
        else:
            cells[-1] = (*cells[-1][:2], end, cells[-1][3])
    yield from cells
