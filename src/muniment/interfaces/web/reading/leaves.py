"""A stored version as pages to read, with the quoted words marked."""

from __future__ import annotations

import re

from muniment.interfaces.web.reading.views import DocumentView, Leaf, LeafLink, Paragraph, Run
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import Unit, day, unit_at, units_of
from muniment.knowledge.reading import DocumentRead

LONGEST_VIEW = 60_000
"""Characters on one web page; a single longer unit is cut into parts."""
_BREAK = re.compile(r"\n[ \t]*\n\s*")
_MARKDOWN_BREAK = re.compile(r"\n[ \t]*\n\s*|(?<=\n)(?=#{1,6} )|(?<=[^\n])\n(?=#{1,6} )")
_HEADING = re.compile(r"#{1,6} +")
_PART = "section"

Span = tuple[int, int]


def document_view(read: DocumentRead, at: Span | None, number: int | None) -> DocumentView:
    """Return the leaves around the quote at `at`, or from unit `number` on."""
    version = read.version
    units = _cut(units_of(version), len(version.text))
    names = len(units) > 1
    chosen = _chosen(units, at, number)
    groups = _groups(units)
    index = next(i for i, group in enumerate(groups) if chosen in group)
    markdown = read.document.media_type == "text/markdown"
    base = f"/documents/{read.document.id}?version={version.version}"

    def href(unit: Unit) -> str:
        return f"{base}&page={units.index(unit) + 1}#leaf-{units.index(unit) + 1}"

    leaves = tuple(
        Leaf(units.index(u) + 1, u.named("leaf") if names else "", paragraphs(version.text, u, at, markdown))
        for u in groups[index]
    )
    entries = tuple(LeafLink(_label(u), u.named("leaf"), href(u), u == chosen) for u in units)
    current = read.document.version
    return DocumentView(
        title=version.title,
        version=version.version,
        date=day(version.modified_at),
        path=read.document.path,
        newest_href=f"/documents/{read.document.id}" if current != version.version else "",
        entries=entries,
        leaves=leaves,
        earlier=href(groups[index - 1][0]) if index else "",
        later=href(groups[index + 1][0]) if index + 1 < len(groups) else "",
    )


def _label(unit: Unit) -> str:
    return unit.label if unit.kind == "sheet" else str(unit.number)


def _cut(units: list[Unit], length: int) -> list[Unit]:
    """Return units that cover what there is to show, none longer than a view."""
    whole = units or [Unit(_PART, "", 1, 0, length)]
    cut: list[Unit] = []
    for unit in whole:
        if unit.end - unit.start <= LONGEST_VIEW:
            cut.append(unit)
            continue
        starts = range(unit.start, unit.end, LONGEST_VIEW)
        cut += [
            Unit(_PART, unit.label, n, s, min(s + LONGEST_VIEW, unit.end)) for n, s in enumerate(starts, 1)
        ]
    return cut


def _chosen(units: list[Unit], at: Span | None, number: int | None) -> Unit:
    if at is not None:
        return unit_at(units, at[0]) or units[0]
    return units[min(max(number or 1, 1), len(units)) - 1]


def _groups(units: list[Unit]) -> list[list[Unit]]:
    """Put neighbouring units on one web page while they fit."""
    groups: list[list[Unit]] = [[]]
    size = 0
    for unit in units:
        length = unit.end - unit.start
        if groups[-1] and size + length > LONGEST_VIEW:
            groups.append([])
            size = 0
        groups[-1].append(unit)
        size += length
    return groups


def paragraphs(text: str, unit: Unit, at: Span | None, markdown: bool = False) -> tuple[Paragraph, ...]:
    """Return a unit's paragraphs as runs of plain and marked characters; only blank lines are dropped.

    In Markdown a line of its own that begins with `#` is a heading, shown without its `#` unless that is quoted.
    """
    mark = at or (0, 0)
    made: list[Paragraph] = []
    marked_before = False
    for first, last in _bounds(text, unit, markdown):
        found = _HEADING.match(text, first, last) if markdown and "\n" not in text[first:last] else None
        heading = found is not None
        shown = found.end() if found and not mark[0] < found.end() <= mark[1] else first
        runs = _runs(text, shown, last, mark, marked_before)
        marked_before = marked_before or any(run.marked for run in runs)
        if any(run.text.strip() for run in runs):
            made.append(Paragraph(runs, heading))
    return tuple(made)


def _bounds(text: str, unit: Unit, markdown: bool) -> list[Span]:
    breaks = _MARKDOWN_BREAK if markdown else _BREAK
    bounds: list[Span] = []
    start = unit.start
    for found in breaks.finditer(text, unit.start, unit.end):
        bounds.append((start, found.start()))
        start = found.end()
    return [*bounds, (start, unit.end)]


def _runs(text: str, first: int, last: int, mark: Span, marked_before: bool) -> tuple[Run, ...]:
    start, end = max(first, mark[0]), min(last, mark[1])
    if start >= end:
        return (Run(text[first:last].strip("\n"), False),)
    pieces = (
        Run(text[first:start], False),
        Run(text[start:end], True, not marked_before),
        Run(text[end:last], False),
    )
    return tuple(run for run in pieces if run.text)


def parsed_span(text: str | None, length: int) -> Span | None:
    """Return the characters that `START-END` names, or None where it names none of the text."""
    found = re.fullmatch(r"(\d{1,10})-(\d{1,10})", text or "", re.ASCII)
    if found is None:
        return None
    start, end = int(found[1]), int(found[2])
    return (start, end) if start < end <= length else None


def title_of(read: DocumentRead) -> str:
    """Return what the browser's tab says."""
    return read.version.title or say("answer.open")
