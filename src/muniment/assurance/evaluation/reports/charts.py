"""Where the marks of a chart stand. Templates draw them, so every text in a picture is escaped as any other is.

Horizontal places are shares of the width in percent, so that a picture is as wide as its page and its letters keep
their size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal
from unicodedata import east_asian_width

from muniment.assurance.evaluation.metric import Stage
from muniment.assurance.evaluation.reports import wording
from muniment.assurance.evaluation.reports.reported import (
    Baseline,
    CostQuality,
    LatencyRow,
    MetricRow,
    ReportedRun,
)

Tone = Literal["plain", "good", "unsure", "bad", "unclear"]
_ROW = 72
"""Height of a row of dots: two lines of words and the track between them."""
_BAND = 98
_BARS = 40
_LABEL = 26
"""Letters of a name; wide ones count twice."""
_MOST_SLICES = 24
CHANGE = {"better": "better", "worse": "worse", "unclear": "cannot be told apart"}


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis with its words."""

    at: float
    label: str
    anchor: Literal["start", "middle", "end"] = "middle"


@dataclass(frozen=True, slots=True)
class Dot:
    """A figure with the interval it lies in and what it is held against."""

    label: str
    value: str
    note: str
    at: float
    low: float | None
    high: float | None
    target: float | None
    tone: Tone


@dataclass(frozen=True, slots=True)
class DotChart:
    """Figures one below the other on one axis."""

    title: str
    description: str
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    reference: float | None = None
    """What every row is held against."""

    @property
    def height(self) -> int:
        """Return how high its rows are together."""
        return _ROW * len(self.dots)


@dataclass(frozen=True, slots=True)
class Bar:
    """How many lie between two places, as a share of the highest bar."""

    at: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Band:
    """How the times of one stage are spread."""

    label: str
    value: str
    bars: tuple[Bar, ...]
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class LatencyChart:
    """Times of each stage on one axis, on which equal steps are equal ratios."""

    title: str
    description: str
    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]

    @property
    def height(self) -> int:
        """Return how high its bands are together."""
        return _BAND * len(self.bands)


@dataclass(frozen=True, slots=True)
class Point:
    """A numbered subject; heights are percent from the top."""

    number: int
    at: float
    top: float
    low: float | None
    high: float | None
    here: bool


@dataclass(frozen=True, slots=True)
class ScatterChart:
    """Subjects by cost and quality."""

    title: str
    description: str
    points: tuple[Point, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


def scores(run: ReportedRun) -> tuple[tuple[Stage, DotChart], ...]:
    """Return a chart of shares for each part of the system that was judged."""
    rows = [row for row in run.metrics if row.unit == "share" and row.mean is not None]
    stages: dict[Stage, list[MetricRow]] = {}
    for row in rows:
        stages.setdefault(row.stage, []).append(row)
    return tuple(
        (stage, shares(f"Scores of {stage}", [(row.name, row) for row in found]))
        for stage, found in stages.items()
    )


def slices(run: ReportedRun) -> tuple[tuple[MetricRow, DotChart], ...]:
    """Return a chart for each headline metric, with a row for each tag and a line at the mean of all cases."""
    made: list[tuple[MetricRow, DotChart]] = []
    for metric in run.headline:
        found = [(one.tag, one.metric(metric.name)) for one in run.slices]
        rows = [(tag, row) for tag, row in found if row is not None and row.mean is not None]
        if rows and metric.mean is not None:
            rows.sort(key=lambda pair: pair[1].mean or 0.0)
            chart = shares(f"{metric.name} by slice", rows[:_MOST_SLICES], place(metric.mean))
            made.append((metric, chart))
    return tuple(made)


def changes(baseline: Baseline) -> DotChart | None:
    """Return a chart of the differences of shares; None where there are none."""
    rows = [row for row in baseline.rows if row.unit == "share"]
    if not rows:
        return None
    most = max(0.05, *(max(abs(row.low), abs(row.high), abs(row.difference)) for row in rows))
    most = math.ceil(most * 20) / 20

    def at(value: float) -> float:
        return place((value + most) / (2 * most))

    tones: dict[str, Tone] = {"better": "good", "worse": "bad"}
    dots = tuple(
        Dot(
            label=_short(row.metric),
            value=wording.difference(row.difference),
            note=f"{wording.differences(row.low, row.high)} · n {row.cases} · {CHANGE[row.verdict]}",
            at=at(row.difference),
            low=at(row.low),
            high=at(row.high),
            target=None,
            tone=tones.get(row.verdict, "unclear"),
        )
        for row in rows
    )
    ticks = (
        Tick(at(-most), wording.difference(-most), "start"),
        Tick(at(0), "no change"),
        Tick(at(most), wording.difference(most), "end"),
    )
    return DotChart("Differences from the baseline", _said(dots), dots, ticks, at(0))


def latencies(rows: Sequence[LatencyRow]) -> LatencyChart | None:
    """Return how times are spread, by stage; None where none was taken."""
    rows = [row for row in rows if row.milliseconds]
    if not rows:
        return None
    least = max(0.1, min(min(row.milliseconds) for row in rows))
    low = math.floor(math.log10(least))
    high = max(low + 1, math.ceil(math.log10(max(*(max(row.milliseconds) for row in rows), least))))

    def at(milliseconds: float) -> float:
        return place((math.log10(max(milliseconds, 10.0**low)) - low) / (high - low))

    bands = tuple(
        Band(_short(row.stage), _quantiles(row), _bars(row.milliseconds, at), at(row.p50), at(row.p95))
        for row in rows
    )
    powers = range(low, high + 1)
    ticks = tuple(Tick(at(10.0**n), _round_time(10.0**n), _anchor(n, powers)) for n in powers)
    said = "; ".join(f"{band.label}: {band.value}" for band in bands)
    return LatencyChart("How long each stage took", said, bands, ticks)


def scatter(found: CostQuality) -> ScatterChart | None:
    """Return subjects by cost and quality; None where there is none."""
    if not found.points:
        return None
    dearest = max(point.cost for point in found.points)
    step = _step(dearest or 1.0)
    widest = step * max(1, math.ceil(dearest * 1.08 / step))
    lows = [point.quality if point.low is None else point.low for point in found.points]
    highs = [point.quality if point.high is None else point.high for point in found.points]
    floor = max(0.0, math.floor(min(lows) * 10) / 10)
    ceiling = max(floor + 0.1, math.ceil(max(highs) * 10) / 10)

    def top(quality: float) -> float:
        return _two(6 + 88 * (1 - (quality - floor) / (ceiling - floor)))

    def across_at(cost: float) -> float:
        # Free at the left for the words of the other axis.
        return _two(16 + 80 * cost / widest)

    points = tuple(
        Point(
            number,
            across_at(point.cost),
            top(point.quality),
            None if point.low is None else top(point.low),
            None if point.high is None else top(point.high),
            point.here,
        )
        for number, point in enumerate(found.points, 1)
    )
    steps = range(round(widest / step) + 1)
    tenths = round((ceiling - floor) * 10)
    every = 1 if tenths <= 5 else 2
    across = tuple(Tick(across_at(n * step), f"{n * step:g}") for n in steps)
    up = tuple(Tick(top(floor + n / 10), wording.figure(floor + n / 10)) for n in range(0, tenths + 1, every))
    said = "; ".join(
        f"{number}: cost {wording.figure(point.cost, 'cost')}, {wording.figure(point.quality)}"
        for number, point in enumerate(found.points, 1)
    )
    return ScatterChart(f"Cost of a case against {found.metric}", said, points, across, up)


def place(share: float) -> float:
    """Return where a share of the axis stands."""
    return _two(100 * min(1.0, max(0.0, share)))


def shares(title: str, rows: Iterable[tuple[str, MetricRow]], reference: float | None = None) -> DotChart:
    """Return a chart of shares, each under its label."""
    dots = tuple(_dot(label, row) for label, row in rows)
    return DotChart(title, _said(dots), dots, _SHARES, reference)


def _dot(label: str, row: MetricRow) -> Dot:
    tone: Tone = "plain"
    if row.target is not None:
        tone = "bad" if row.missed else "unsure" if row.unsure else "good"
    notes = [f"n {row.cases:,}"]
    if row.low is not None:
        notes.insert(0, wording.interval(row.low, row.high))
    if row.target is not None:
        # Not more, or it is too long for a phone: that it is not for sure, its dot says.
        word = "met" if row.met else wording.outcome(row)
        notes.append(f"target {wording.aim(row)}: {word}")
    return Dot(
        label=_short(label),
        value=wording.figure(row.mean),
        note=" · ".join(notes),
        at=place(row.mean or 0.0),
        low=None if row.low is None else place(row.low),
        high=None if row.high is None else place(row.high),
        target=None if row.target is None else place(row.target),
        tone=tone,
    )


def _said(dots: Sequence[Dot]) -> str:
    return "; ".join(f"{dot.label}: {dot.value} ({dot.note})" for dot in dots)


def _short(label: str) -> str:
    label = wording.visible(label[: 2 * _LABEL])
    widths = accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in label)
    room = sum(width < _LABEL for width in widths)
    return label if len(label) <= room + 1 else f"{label[:room]}…"


def _quantiles(row: LatencyRow) -> str:
    p50, p95 = (wording.figure(value, "ms") for value in (row.p50, row.p95))
    return f"p50 {p50} · p95 {p95} · n {len(row.milliseconds):,}"


def _bars(milliseconds: Sequence[float], at: Callable[[float], float]) -> tuple[Bar, ...]:
    width = 100 / _BARS
    counts = [0] * _BARS
    for value in milliseconds:
        counts[min(_BARS - 1, int(at(value) / width))] += 1
    most = max(counts)
    return tuple(
        Bar(_two(n * width), _two(width * 0.86), _two(found / most))
        for n, found in enumerate(counts)
        if found
    )


def _anchor(n: int, powers: range) -> Literal["start", "middle", "end"]:
    return "start" if n == powers[0] else "end" if n == powers[-1] else "middle"


def _round_time(milliseconds: float) -> str:
    return f"{milliseconds / 1000:g} s" if milliseconds >= 1000 else f"{milliseconds:g} ms"


def _step(most: float) -> float:
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * factor for factor in (0.25, 0.5, 1, 2.5, 5) if most / (power * factor) <= 4)


def _two(value: float) -> float:
    return round(value, 2)


_SHARES = (
    Tick(place(0), "0", "start"),
    Tick(place(0.25), "25"),
    Tick(place(0.5), "50"),
    Tick(place(0.75), "75"),
    Tick(place(1), "100 %", "end"),
)
