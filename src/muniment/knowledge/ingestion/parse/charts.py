"""Charts: their title, and the values they show as a table, as the file keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from muniment.knowledge.ingestion.parse.office_parts import Element, attribute, below, first, local, text_of

MOST_POINTS = 500
"""Values of a chart; those of a larger one are left to the table that it was drawn from."""


def chart_rows(chart: Element) -> tuple[str, list[list[str]]]:
    """Return the title of a chart and its table: a row a category, a column a series.

    A chart that is too large has no rows.
    """
    title = first(chart, "title")
    named = text_of(title) if title is not None and _stands_over_plot(chart, title) else ""
    series = list(below(chart, "ser"))
    labels: list[str] = []
    columns: list[tuple[str, dict[int, str]]] = []
    for one in series:
        categories = dict(_points(next(below(one, "cat", "xVal"), None)))
        values = dict(_points(next(below(one, "val", "yVal"), None)))
        if len(categories) > len(labels):
            labels = [categories.get(place, "") for place in range(max(categories) + 1)]
        columns.append((" ".join(value for _, value in _points(first(one, "tx"))), values))
    height = max([len(labels), *(max(values, default=-1) + 1 for _, values in columns)], default=0)
    if not height or height * len(columns) > MOST_POINTS:
        return named, []
    rows = [["", *(name for name, _ in columns)]]
    for place in range(height):
        label = labels[place] if place < len(labels) else ""
        rows.append([label, *(values.get(place, "") for _, values in columns)])
    return named, [row for row in rows if any(row)]


def _stands_over_plot(chart: Element, title: Element) -> bool:
    """Return whether a title is the chart's own, not that of an axis, which comes after."""
    for one in below(chart, "title", "plotArea"):
        return one is title and local(one) == "title"
    return False


def _points(cached: Element | None) -> Iterator[tuple[int, str]]:
    for point in below(cached, "pt"):
        place = attribute(point, "idx")
        value = first(point, "v")
        if place.isdecimal() and int(place) < MOST_POINTS and value is not None:
            yield int(place), value.text or ""
