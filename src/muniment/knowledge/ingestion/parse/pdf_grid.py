"""Tables that a page draws with lines: what stands in each of their cells."""

from __future__ import annotations

import ctypes
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.pdf_letters import Piece, Word
from muniment.knowledge.ingestion.parse.pdf_order import rows

if TYPE_CHECKING:
    from pypdfium2 import PdfPage
    from pypdfium2.raw import FS_MATRIX

_Segment = tuple[float, float, float, float]

_MOST_OBJECTS = 20_000
_MOST_SEGMENTS = 4_000
"""Drawn on a page; one with more is a picture."""
_NEAR = 2.5
"""Points within which two lines are one, or meet."""
_SHORTEST = 6.0
_THIN = 3.0
"""Points that a filled shape may be thick to count as a line."""
_FULLEST = 400
"""Lines of one table."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line: where it lies, and from where to where it runs."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with its cells, row by row."""

    cells: tuple[tuple[tuple[Piece, ...], ...], ...]
    order: int
    left: float
    bottom: float
    right: float
    top: float


def grids(page: PdfPage, pieces: Sequence[Piece], *, from_right: bool) -> tuple[list[Grid], list[Piece]]:
    """Return the tables of a page, and the pieces that stand in none."""
    across, down = _rules(page)
    if not down or len(across) < 2:
        return [], list(pieces)
    found: list[Grid] = []
    rest = list(pieces)
    for level, upright in _meeting(across, down):
        made, outside = _grid(level, upright, rest, from_right)
        if made is not None:
            found.append(made)
            rest = outside
    return found, rest


def _rules(page: PdfPage) -> tuple[list[Rule], list[Rule]]:
    """Return the level and the upright lines of a page, none of one that draws a picture."""
    across: list[Rule] = []
    down: list[Rule] = []
    fields: list[_Segment] = []
    for number, (filled, segment) in enumerate(_drawn(page)):
        if number >= _MOST_SEGMENTS:
            return [], []
        if filled:
            fields.append(segment)
        else:
            _sort_in(segment, across, down)
    across, down = _merged(across), _merged(down)
    walls = sorted({rule.at for rule in down} | {end for rule in across for end in (rule.start, rule.end)})
    for x0, y0, x1, y1 in fields:
        if _is_near(x0, walls) and _is_near(x1, walls):  # the ground of a cell, which ends it as a line does
            for side in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
                _sort_in(side, across, down)
    return _merged(across), _merged(down)


def _sort_in(segment: _Segment, across: list[Rule], down: list[Rule]) -> None:
    x0, y0, x1, y1 = segment
    if abs(y1 - y0) < 0.5 and abs(x1 - x0) >= _SHORTEST:
        across.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
    elif abs(x1 - x0) < 0.5 and abs(y1 - y0) >= _SHORTEST:
        down.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)))


def _is_near(at: float, places: Sequence[float]) -> bool:
    place = bisect_left(places, at - _NEAR)
    return place < len(places) and places[place] <= at + _NEAR


def _drawn(page: PdfPage) -> Iterator[tuple[bool, _Segment]]:
    """Yield the straight lines of a page, and the corners of what is only filled and no line."""
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    for number in range(min(pdfium.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        drawn = pdfium.FPDFPage_GetObject(page, number)
        if pdfium.FPDFPageObj_GetType(drawn) != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if pdfium.FPDFPath_CountSegments(drawn) > _MOST_SEGMENTS:
            continue
        if pdfium.FPDFPageObj_GetMatrix(drawn, matrix) and pdfium.FPDFPath_GetDrawMode(drawn, fill, stroke):
            sides = list(_sides(drawn, matrix))
            if stroke.value:
                yield from ((False, side) for side in sides)
            elif sides:
                yield _filled(sides)


def _filled(sides: Sequence[_Segment]) -> tuple[bool, _Segment]:
    xs = [x for side in sides for x in (side[0], side[2])]
    ys = [y for side in sides for y in (side[1], side[3])]
    left, bottom, right, top = min(xs), min(ys), max(xs), max(ys)
    if right - left <= _THIN:
        return False, ((left + right) / 2, bottom, (left + right) / 2, top)
    if top - bottom <= _THIN:
        return False, (left, (bottom + top) / 2, right, (bottom + top) / 2)
    return True, (left, bottom, right, top)


def _sides(drawn: object, matrix: FS_MATRIX) -> Iterator[_Segment]:
    import pypdfium2.raw as pdfium

    x, y = ctypes.c_float(), ctypes.c_float()
    at = begun = (0.0, 0.0)
    for place in range(pdfium.FPDFPath_CountSegments(drawn)):
        segment = pdfium.FPDFPath_GetPathSegment(drawn, place)
        if not pdfium.FPDFPathSegment_GetPoint(segment, x, y):
            continue
        to = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_LINETO:
            yield *at, *to
        elif kind == pdfium.FPDF_SEGMENT_MOVETO:
            begun = to
        at = to
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield *at, *begun
            at = begun


def _merged(rules: Sequence[Rule]) -> list[Rule]:
    """Return lines, those that go on in one another as one."""
    made: list[Rule] = []
    for rule in sorted(rules, key=lambda one: (one.at, one.start)):
        for place in range(len(made) - 1, max(len(made) - 40, -1), -1):
            other = made[place]
            if rule.at - other.at > _NEAR:
                continue
            if rule.start <= other.end + _NEAR and other.start <= rule.end + _NEAR:
                made[place] = replace(other, start=min(other.start, rule.start), end=max(other.end, rule.end))
                break
        else:
            made.append(rule)
    return made


def _meeting(across: Sequence[Rule], down: Sequence[Rule]) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Yield lines that hang together, level and upright ones apart."""
    if len(across) * len(down) > _FULLEST * _FULLEST:
        return
    beside = [
        [
            place
            for place, rule in enumerate(down)
            if level.start - _NEAR <= rule.at <= level.end + _NEAR
            and rule.start - _NEAR <= level.at <= rule.end + _NEAR
        ]
        for level in across
    ]
    bearing: dict[int, list[int]] = {}
    for number, places in enumerate(beside):
        for place in places:
            bearing.setdefault(place, []).append(number)
    left = set(range(len(across)))
    while left:
        todo = [left.pop()]
        levels: list[int] = []
        uprights: set[int] = set()
        while todo:
            number = todo.pop()
            levels.append(number)
            for place in beside[number]:
                if place not in uprights:
                    uprights.add(place)
                    fresh = [one for one in bearing[place] if one in left]
                    left.difference_update(fresh)
                    todo += fresh
        if 2 <= len(levels) <= _FULLEST and 1 <= len(uprights) <= _FULLEST:
            yield [across[one] for one in levels], [down[one] for one in uprights]


def _grid(
    across: Sequence[Rule], down: Sequence[Rule], pieces: Sequence[Piece], from_right: bool
) -> tuple[Grid | None, list[Piece]]:
    left, right = min(rule.start for rule in across), max(rule.end for rule in across)
    ends = [rule.end for rule in down] + [rule.start for rule in down]
    levels = [rule.at for rule in across]
    ys = _distinct([*levels, *(end for end in (max(ends), min(ends)) if not _is_near(end, sorted(levels)))])[
        ::-1
    ]
    columns = _distinct([left, right, *(rule.at for rule in down)])
    bottom, top = ys[-1], ys[0]
    if len(ys) < 3 or len(columns) < 3:
        return None, list(pieces)
    inside: list[Piece] = []
    outside: list[Piece] = []
    for piece in pieces:
        held = left <= _middle(piece) <= right and bottom <= (piece.bottom + piece.top) / 2 <= top
        (inside if held and piece.turn == 0 else outside).append(piece)
    if not inside:
        return None, outside
    cells: dict[tuple[int, int], list[Piece]] = {}
    for piece in inside:
        band = _band(ys, (piece.bottom + piece.top) / 2)
        middle = (ys[band] + ys[band + 1]) / 2
        walls = sorted(rule.at for rule in down if rule.start - _NEAR <= middle <= rule.end + _NEAR)
        for part in _parted(piece, walls):
            first = max((wall for wall in walls if wall <= _middle(part)), default=left)
            row = band
            while row and not any(
                abs(rule.at - ys[row]) < _NEAR and rule.start - _NEAR <= _middle(part) <= rule.end + _NEAR
                for rule in across
            ):
                row -= 1
            cells.setdefault((row, bisect_left(columns, first - _NEAR)), []).append(part)
    used_rows, used_columns = (sorted({key[axis] for key in cells}) for axis in (0, 1))
    if len(used_rows) < 2 or len(used_columns) < 2:
        return None, [*inside, *outside]
    order = used_columns[::-1] if from_right else used_columns
    table = tuple(
        tuple(_in_order(cells.get((row, column), []), from_right) for column in order) for row in used_rows
    )
    return Grid(table, inside[0].order, left, bottom, right, top), outside


def _distinct(places: Sequence[float]) -> list[float]:
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > _NEAR:
            found.append(place)
    return found


def _middle(piece: Piece) -> float:
    return (piece.left + piece.right) / 2


def _band(ys: Sequence[float], middle: float) -> int:
    below = next((place for place, y in enumerate(ys) if y < middle), len(ys) - 1)
    return min(max(below - 1, 0), len(ys) - 2)


def _parted(piece: Piece, walls: Sequence[float]) -> Iterator[Piece]:
    """Yield a piece cut where an upright line stands between its words."""
    groups: dict[int, list[Word]] = {}
    for word in piece.words:
        column = sum(wall <= (word.left + word.right) / 2 for wall in walls)
        groups.setdefault(column, []).append(word)
    for words in groups.values():
        left, right = min(one.left for one in words), max(one.right for one in words)
        yield piece if len(groups) == 1 else replace(piece, words=tuple(words), left=left, right=right)


def _in_order(pieces: Sequence[Piece], from_right: bool) -> tuple[Piece, ...]:
    return tuple(piece for row in rows(pieces, from_right=from_right) for piece in row)
