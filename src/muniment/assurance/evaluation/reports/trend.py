"""Where the marks of a figure over several runs stand; `charts` draws one run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from muniment.assurance.evaluation.reports import wording
from muniment.assurance.evaluation.reports.charts import Tick


@dataclass(frozen=True, slots=True)
class Figure:
    """A share at one time, with the interval that it lies in."""

    label: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a figure stands, in percent from the left and from the top."""

    at: float
    top: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrendChart:
    """A share over time, the oldest first."""

    title: str
    description: str
    marks: tuple[Mark, ...]
    up: tuple[Tick, ...]
    across: tuple[Tick, ...]
    goal: float | None
    """Where the target stands, from the top."""


def trend(name: str, figures: Sequence[Figure], target: float | None = None) -> TrendChart | None:
    """Return a share over time; None where there is none to show."""
    if not figures:
        return None
    lowest = min(min(one.low for one in figures), 1.0 if target is None else target)
    floor = max(0.0, math.floor(lowest * 10 - 1e-9) / 10)

    def top(share: float) -> float:
        return round(8 + 84 * (1 - (share - floor) / (1 - floor)), 2)

    def at(place: int) -> float:
        return round(14 + 82 * (place / (len(figures) - 1) if len(figures) > 1 else 0.5), 2)

    marks = tuple(Mark(at(n), top(one.mean), top(one.low), top(one.high)) for n, one in enumerate(figures))
    said = "; ".join(
        f"{one.label}: {wording.figure(one.mean)} ({wording.interval(one.low, one.high)})" for one in figures
    )
    across = [Tick(marks[0].at, figures[0].label, "start" if len(figures) > 1 else "middle")]
    if len(figures) > 1:
        across.append(Tick(marks[-1].at, figures[-1].label, "end"))
    steps = (floor, (floor + 1) / 2, 1.0)
    return TrendChart(
        title=f"{name} over {wording.count(len(figures), 'run')}",
        description=said if target is None else f"{said}; target {wording.figure(target)}",
        marks=marks,
        up=tuple(Tick(top(one), wording.figure(one)) for one in steps),
        across=tuple(across),
        goal=None if target is None else top(target),
    )
