"""A sheet as a table, as far as its stored lines tell: which column a cell stands in, and which line a row is.

A stored line either lists its cells, or names the column before each (`name: value`), as a line above listed them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from muniment.interfaces.web.reading.marker import Marker, Span
from muniment.interfaces.web.reading.views import Grid, Leaf, Row, Run
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import Unit

MOST_ROWS = 200
"""On one web page."""
_BETWEEN = " | "
_NAMED = ": "


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    names: tuple[str, ...]
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
    names: tuple[str, ...] = ()
    for place, (start, end) in enumerate(bounds):
        line = text[start:end]
        if names and _begins_with_name(line, names):
            yield _Line(start, end, names)
            continue
        cells = tuple(line.split(_BETWEEN))
        after = text[slice(*bounds[place + 1])] if place + 1 < len(bounds) else ""
        names = cells if len(cells) > 1 and _begins_with_name(after, cells) else ()
        yield _Line(start, end, (), bool(names))


def _line_bounds(text: str, unit: Unit) -> Iterator[Span]:
    start = unit.start
    while start < unit.end:
        end = text.find("\n", start, unit.end)
        end = unit.end if end < 0 else end
        yield start, end
        start = end + 1


def _begins_with_name(line: str, names: tuple[str, ...]) -> bool:
    name, between, _ = line.partition(_NAMED)
    return bool(between) and any(one and (name == one or line.startswith(one + _NAMED)) for one in names)


def _cells(line: _Line, marker: Marker) -> Iterator[tuple[Run, ...]]:
    pieces = list(_pieces(marker.text, line.start, line.end))
    if not line.names:
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
    while (between := text.find(_BETWEEN, start, end)) >= 0:
        yield start, between
        start = between + len(_BETWEEN)
    yield start, end


def _placed(text: str, pieces: list[Span], names: tuple[str, ...]) -> Iterator[tuple[int, int, int, int]]:
    """Yield each cell's start, the start of its value, its end, and its column; a piece without a name goes on."""
    cells: list[tuple[int, int, int, int]] = []
    free = 0
    for start, end in pieces:
        piece = text[start:end]
        at = next(
            (n for n in range(free, len(names)) if names[n] and piece.startswith(names[n] + _NAMED)), -1
        )
        if at >= 0:
            cells.append((start, start + len(names[at]) + len(_NAMED), end, at))
            free = at + 1
        elif not cells:
            cells.append((start, start, end, 0))
            free = 1
        else:
            cells[-1] = (*cells[-1][:2], end, cells[-1][3])
    yield from cells
