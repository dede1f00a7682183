"""Figures of monitoring, and of several runs, as charts and words."""

from __future__ import annotations

from collections.abc import Sequence

from muniment.assurance.evaluation.headlines import Headlines
from muniment.assurance.evaluation.reports import charts, wording
from muniment.assurance.evaluation.reports.charts import Dot, DotChart
from muniment.assurance.evaluation.reports.from_summary import metric_row
from muniment.assurance.evaluation.reports.trend import Figure, TrendChart, trend
from muniment.assurance.monitoring.shares import Estimate
from muniment.assurance.monitoring.status import Row
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import capitalised


def headline_chart(one: Headlines) -> DotChart | None:
    """Return the main scores of a run; None where it has none."""
    rows = [(each.metric, metric_row(each)) for each in one.scores if each.estimate is not None]
    return charts.shares(one.run.suite, rows) if rows else None


def trends(runs: Sequence[Headlines]) -> list[TrendChart]:
    """Return each main score over runs, which come newest first, with the newest one's target."""
    if not runs:
        return []
    made: list[TrendChart] = []
    for score in runs[0].scores:
        figures: list[Figure] = []
        for one in reversed(runs):
            found = next((each.estimate for each in one.scores if each.metric == score.metric), None)
            if found is not None:
                figures.append(Figure(wording.when(one.run.started), found.mean, found.low, found.high))
        if chart := trend(score.metric, figures, score.target):
            made.append(chart)
    return made


def value(found: Estimate, unit: str) -> str:
    """Return a figure in its unit."""
    if unit == "count":
        return f"{found.n:,}"
    return wording.figure(found.value, "ms" if unit == "ms" else "share")


def interval(found: Estimate, unit: str) -> str:
    """Return from where to where a figure lies."""
    return wording.interval(found.low, found.high, "ms" if unit == "ms" else "share")


def beside(row: Row) -> DotChart | None:
    """Return a figure of now with that of before as a dashed mark; None where there is nothing to draw."""
    now, before = row.now, row.before
    if row.unit == "count" or now.value is None:
        return None
    ends = (now.value, now.high, before.value, before.high)
    most = 1.0 if row.unit == "share" else max(1.0, 1.1 * max(one for one in ends if one is not None))

    def at(one: float | None) -> float | None:
        return None if one is None else charts.place(one / most)

    number = f"{now.n:,}"
    note = say("signals.no_interval", number=number)
    if now.low is not None:
        note = say("signals.of", interval=interval(now, row.unit), number=number)
    dot = Dot(
        label=say("signals.now"),
        value=value(now, row.unit),
        note=note,
        at=at(now.value) or 0.0,
        low=at(now.low),
        high=at(now.high),
        target=None,
        tone="bad" if row.changed else "plain",
    )
    kind = "ms" if row.unit == "ms" else "share"
    ticks = (
        charts.Tick(0.0, "0", "start"),
        charts.Tick(100.0, wording.figure(most, kind), "end"),
    )
    said = f"{dot.value} ({note})"
    if before.value is not None:
        said += say("signals.before_said", value=value(before, row.unit))
    return DotChart(capitalised(row.name), said, (dot,), ticks, at(before.value))
