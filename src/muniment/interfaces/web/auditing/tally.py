"""Entries over time as a drawing: a bar for each stretch, parted by outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from muniment.governance.audit.outcome import OUTCOMES
from muniment.governance.audit.search import Bar
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import minute

WIDTH, HEIGHT = 10, 72
_LEAST = 2.5
"""Height of what happened at all, so that a single refusal is seen beside thousands of entries."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a bar."""

    outcome: str
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """A bar in numbers, for whoever does not see the drawing."""

    at: str
    until: str
    said: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The drawing, and what it says."""

    width: int
    height: int
    blocks: tuple[Block, ...]
    said: str
    first: str
    last: str
    totals: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]


def drawn(bars: Sequence[Bar]) -> Drawing | None:
    """Return the drawing of some bars, newest last; None where there is nothing to draw."""
    totals = tuple((name, sum(bar.counts[name] for bar in bars)) for name in OUTCOMES)
    most = max((sum(bar.counts.values()) for bar in bars), default=0)
    if not most:
        return None
    blocks: list[Block] = []
    for place, bar in enumerate(bars):
        foot = float(HEIGHT)
        for name in OUTCOMES:
            if many := bar.counts[name]:
                height = max(_LEAST, round(many / most * (HEIGHT - 2 * _LEAST), 1))
                foot -= height
                blocks.append(Block(name, place * WIDTH, round(foot, 1), height))
    first, last = minute(bars[0].at), minute(bars[-1].until)
    parts = dict(totals)
    said = say("entries.drawing", first=first, last=last, **{name: f"{parts[name]:,}" for name in OUTCOMES})
    rows = tuple(
        Row(bar.at, bar.until, minute(bar.at), tuple(bar.counts[name] for name in OUTCOMES))
        for bar in bars
        if any(bar.counts.values())
    )
    return Drawing(len(bars) * WIDTH, HEIGHT, tuple(blocks), said, first, last, totals, rows)
