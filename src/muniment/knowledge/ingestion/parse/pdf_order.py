"""The order in which the pieces of a page are read: columns one after the other, rows within them.

A column is told by a gap that runs down beside several lines of flowing text. What spans the gap, such as a heading,
parts the columns above it from those below it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Generic, Protocol, TypeVar

_MOST_PIECES = 4_000
"""Of a page that is ordered; a page with more is read row by row."""
_MOST_GUTTERS = 6
_DEEPEST = 8
_LEAST_LINES = 3
_MANY_LINES = 5
_LEVEL_ROWS = 0.6
"""Part of the lines of two columns that may stand level by chance."""
_SURE = 0.7
"""Part of the pieces of a page beside a gap that needs no better one."""
_LEAST_WIDTH = 6.0
"""Of a column, in line heights: narrower ones are those of a table."""
_SPANNED = 0.5
"""Part of the pieces of a page that may span a gap."""
_FILLED = 0.75
"""Part of a column's width that most of its lines take."""
_NARROWEST = 0.5
"""Of a gap between columns, in line heights."""
_SAME_ROW = 0.5
"""Part of its height that a piece shares with the row it belongs to."""


class Placed(Protocol):
    """Something with a place on the page, and one in its text."""

    @property
    def order(self) -> int: ...
    @property
    def left(self) -> float: ...
    @property
    def bottom(self) -> float: ...
    @property
    def right(self) -> float: ...
    @property
    def top(self) -> float: ...


T = TypeVar("T", bound=Placed)


@dataclass(frozen=True, slots=True)
class Flow(Generic[T]):
    """Rows that are read one after the other, each from its beginning."""

    rows: tuple[tuple[T, ...], ...]


def flows(pieces: Sequence[T], *, from_right: bool) -> list[Flow[T]]:
    """Return the flows of a page in reading order."""
    if len(pieces) > _MOST_PIECES:
        return [Flow(tuple(rows(pieces, from_right=from_right)))]
    return list(_flows(pieces, from_right, _DEEPEST))


def rows(pieces: Sequence[T], *, from_right: bool) -> Iterator[tuple[T, ...]]:
    """Yield the rows of pieces from the top."""
    made: list[list[T]] = []
    for piece in sorted(pieces, key=lambda one: (-(one.top + one.bottom), one.left)):
        row = next((row for row in reversed(made[-3:]) if _joins(row, piece)), None)
        if row is None:
            made.append([piece])
        else:
            row.append(piece)
    for row in made:
        row.sort(key=lambda one: -one.right if from_right else one.left)
        yield tuple(row)


def _joins(row: Sequence[T], piece: T) -> bool:
    first = row[0]
    shared = min(first.top, piece.top) - max(first.bottom, piece.bottom)
    if shared < _SAME_ROW * min(first.top - first.bottom, piece.top - piece.bottom):
        return False
    return all(
        min(one.right, piece.right) - max(one.left, piece.left)
        < 0.3 * min(one.right - one.left, piece.right - piece.left)
        for one in row
    )


def _flows(pieces: Sequence[T], from_right: bool, deepest: int) -> Iterator[Flow[T]]:
    gutter = _gutter(pieces) if deepest and len(pieces) >= 2 * _LEAST_LINES else None
    if gutter is None:
        if pieces:
            yield Flow(tuple(rows(pieces, from_right=from_right)))
        return
    waiting: list[T] = []
    for columns, band in _bands(pieces, gutter):
        if not columns:
            waiting += band
            continue
        if waiting:
            yield from _flows(waiting, from_right, 0)
            waiting = []
        sides = _sides(band, gutter)
        for side in reversed(sides) if from_right else sides:
            yield from _flows(side, from_right, deepest - 1)
    if waiting:
        yield from _flows(waiting, from_right, 0)


def _sides(band: Sequence[T], gutter: float) -> tuple[list[T], list[T]]:
    left = [one for one in band if (one.left + one.right) / 2 < gutter]
    right = [one for one in band if (one.left + one.right) / 2 >= gutter]
    return left, right


def _bands(pieces: Sequence[T], gutter: float) -> Iterator[tuple[bool, list[T]]]:
    """Yield the stretches of a page from the top, and whether each is set in columns beside the gap."""
    spanning = [one for one in pieces if one.left < gutter < one.right]
    beside = [one for one in pieces if not one.left < gutter < one.right]
    groups: list[list[T]] = []
    for one in sorted(spanning, key=lambda one: -one.top):
        if groups and one.top > min(line.bottom for line in groups[-1]) - 0.2 * (one.top - one.bottom):
            groups[-1].append(one)
        else:
            groups.append([one])
    for group in groups:
        middle = (max(one.top for one in group) + min(one.bottom for one in group)) / 2
        above = [one for one in beside if (one.top + one.bottom) / 2 > middle]
        beside = [one for one in beside if (one.top + one.bottom) / 2 <= middle]
        if above:
            yield _in_columns(above, gutter), above
        yield False, group
    if beside:
        yield _in_columns(beside, gutter), beside


def _in_columns(band: Sequence[T], gutter: float) -> bool:
    """Return whether two sides are lines of flowing text, or at least no rows of a table that go on over the gap."""
    left, right = _sides(band, gutter)
    if min(len(left), len(right)) < _LEAST_LINES:
        return False
    if _flowing(left) and _flowing(right):
        return True
    height = median(one.top - one.bottom for one in band)
    if _written_apart(left, right) and min(_width(left), _width(right)) >= _LEAST_WIDTH * height:
        return True
    apart = min(one.left for one in right) - max(one.right for one in left) >= height
    wide = min(_width(left), _width(right)) >= _LEAST_WIDTH * height
    many = min(len(left), len(right)) >= _MANY_LINES
    return apart and wide and many and _level(left, right, height) < _LEVEL_ROWS


def _written_apart(left: Sequence[T], right: Sequence[T]) -> bool:
    """Return whether the page's text holds one side after the other, where it holds a table row by row."""
    first, second = sorted((left, right), key=lambda side: side[0].order)
    return max(one.order for one in first) < min(one.order for one in second)


def _level(left: Sequence[T], right: Sequence[T], height: float) -> float:
    """Return which part of the side with fewer lines stands level with lines of the other."""
    fewer, more = sorted((left, right), key=len)
    bottoms = sorted(one.bottom for one in more)
    near = 0.15 * height
    level = sum(
        bisect_left(bottoms, one.bottom - near) < bisect_right(bottoms, one.bottom + near) for one in fewer
    )
    return level / len(fewer)


def _width(side: Sequence[T]) -> float:
    return max(one.right for one in side) - min(one.left for one in side)


def _flowing(side: Sequence[T]) -> bool:
    """Return whether pieces are lines that mostly fill their column."""
    height = median(one.top - one.bottom for one in side)
    column = _width(side)
    if column < _LEAST_WIDTH * height:
        return False
    lines = list(rows(side, from_right=False))
    broken = sum(len(row) > 1 for row in lines)
    filled = median(_width(row) for row in lines) >= _FILLED * column
    return len(lines) >= _LEAST_LINES and filled and broken <= 0.3 * len(lines)


def _gutter(pieces: Sequence[T]) -> float | None:
    """Return where the gap is beside which most lines stand in columns."""
    best, place = 0.0, None
    for gutter in _candidates(pieces):
        worth = sum(len(band) for columns, band in _bands(pieces, gutter) if columns)
        if worth > best:
            best, place = worth, gutter
        if worth > _SURE * len(pieces):
            break
    return place


def _candidates(pieces: Sequence[T]) -> list[float]:
    """Return middles of gaps with lines on both sides that few pieces span, those that fewest span first."""
    height = median(one.top - one.bottom for one in pieces)
    events = sorted([(one.left, 1) for one in pieces] + [(one.right, -1) for one in pieces])
    found: list[tuple[int, float, float]] = []
    covered = ended = 0
    for (at, step), (after, _) in pairwise(events):
        covered += step
        ended += step < 0
        begun = covered + ended
        if step > 0 or after - at < _NARROWEST * height or covered > _SPANNED * len(pieces):
            continue
        if min(ended, len(pieces) - begun) >= _LEAST_LINES:
            found.append((covered, at - after, (at + after) / 2))
    return [middle for _, _, middle in sorted(found)[:_MOST_GUTTERS]]
