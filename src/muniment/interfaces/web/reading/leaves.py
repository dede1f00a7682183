"""A stored version as pages to read, with the quoted words marked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from muniment.interfaces.web.reading.mail import mail
from muniment.interfaces.web.reading.marker import Marker, Span
from muniment.interfaces.web.reading.sheet import sheet
from muniment.interfaces.web.reading.slide import slide
from muniment.interfaces.web.reading.views import DocumentView, Leaf, LeafLink, Paragraph, Run
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import Unit, day, unit_at, units_of
from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.reading import DocumentRead

LONGEST_VIEW = 60_000
"""Characters on one web page; a single longer unit is cut into parts."""
_BREAK = re.compile(r"\n[ \t]*\n\s*")
_MARKDOWN_BREAK = re.compile(r"\n[ \t]*\n\s*|(?<=\n)(?=#{1,6} )|(?<=[^\n])\n(?=#{1,6} )")
_HEADING = re.compile(r"#{1,6} +")
_PART = "section"
_SHEETS = frozenset({MEDIA_TYPES["csv"], MEDIA_TYPES["xlsx"], MEDIA_TYPES["ods"]})


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a document somebody wants to see."""

    at: Span | None = None
    """What is marked."""
    page: int | None = None
    row: int | None = None
    """Of a sheet."""
    as_text: bool = False


def address(read: DocumentRead, asked: Asked = Asked()) -> str:
    """Return where a part of this version is shown."""
    parts = [f"/documents/{read.document.id}?version={read.version.version}"]
    if asked.at is not None:
        parts.append(f"at={asked.at[0]}-{asked.at[1]}")
    if asked.page is not None:
        parts.append(f"page={asked.page}")
    if asked.row is not None:
        parts.append(f"row={asked.row}")
    if asked.as_text:
        parts.append("view=text")
    return "&".join(parts)


def text_view(read: DocumentRead, asked: Asked) -> DocumentView:
    """Return the leaves around what is asked for."""
    version, sheets = read.version, read.document.media_type in _SHEETS
    length = len(version.text)
    units = units_of(version) if sheets else _cut(_whole(units_of(version), length), length)
    units = units or [Unit(_PART, "", 1, 0, length)]
    names = len(units) > 1
    chosen = _chosen(units, asked)
    groups = [[unit] for unit in units] if sheets else _groups(units)
    index = next(i for i, group in enumerate(groups) if chosen in group)
    marker = Marker(version.text, asked.at)
    places: dict[Unit, int] = {}
    for place, unit in enumerate(units, 1):
        places.setdefault(unit, place)

    def href(unit: Unit, row: int | None = None) -> str:
        page = places[unit]
        to = Asked(page=page, row=row, as_text=asked.as_text)
        return f"{address(read, to)}#leaf-{page}"

    def leaf(unit: Unit) -> Leaf:
        here = (places[unit], unit.named("leaf") if names else "", unit, marker)
        if sheets:
            return sheet(*here, asked.row, lambda row: href(unit, row))
        if unit.kind == "slide":
            return slide(*here)
        if unit.kind == "message":
            return mail(*here, {name: say(key) for name, key in _MAIL.items()})
        markdown = read.document.media_type == MEDIA_TYPES["md"]
        return Leaf(here[0], here[1], paragraphs(unit, marker, markdown))

    leaves = tuple(leaf(unit) for unit in groups[index])
    entries = tuple(LeafLink(_label(u), u.named("leaf"), href(u), u == chosen) for u in units)
    return described(
        read,
        entries=entries,
        leaves=leaves,
        earlier=href(groups[index - 1][0]) if index else "",
        later=href(groups[index + 1][0]) if index + 1 < len(groups) else "",
        turns=_SHEETS_TURN if sheets else _LEAVES_TURN,
    )


_MAIL = {
    "From": "document.mail_from",
    "To": "document.mail_to",
    "Cc": "document.mail_cc",
    "Date": "document.mail_date",
}
_LEAVES_TURN = ("document.leaves_before", "document.leaves_after")
_SHEETS_TURN = ("document.sheet_before", "document.sheet_after")


def described(
    read: DocumentRead,
    entries: tuple[LeafLink, ...],
    leaves: tuple[Leaf, ...],
    earlier: str,
    later: str,
    turns: tuple[str, str],
) -> DocumentView:
    """Return a view of a version: what it is, and these leaves of it; `turns` names what comes before and after."""
    version, current = read.version, read.document.version
    return DocumentView(
        title=version.title,
        version=version.version,
        date=day(version.modified_at),
        path=read.document.path,
        newest_href=f"/documents/{read.document.id}" if current != version.version else "",
        entries=entries,
        leaves=leaves,
        earlier=earlier,
        later=later,
        earlier_says=say(turns[0]),
        later_says=say(turns[1]),
    )


def _label(unit: Unit) -> str:
    return unit.label if unit.kind == "sheet" else str(unit.number)


def _whole(units: list[Unit], length: int) -> list[Unit]:
    """Return the units of a message with what is attached to it, as one part behind it."""
    end = units[-1].end if units and units[-1].kind == "message" else length
    return [*units, Unit(_PART, "", len(units) + 1, end, length)] if end < length else units


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


def _chosen(units: list[Unit], asked: Asked) -> Unit:
    if asked.at is not None:
        return unit_at(units, asked.at[0]) or units[0]
    return units[min(max(asked.page or 1, 1), len(units)) - 1]


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


def text_of(unit: Unit, marker: Marker) -> Leaf:
    """Return the text of a page."""
    return Leaf(unit.number, "", paragraphs(unit, marker, False))


def paragraphs(unit: Unit, marker: Marker, markdown: bool) -> tuple[Paragraph, ...]:
    """Return a unit's paragraphs as runs of plain and marked characters; only blank lines are dropped.

    In Markdown a line of its own that begins with `#` is a heading, shown without its `#` unless that is quoted.
    """
    text, mark = marker.text, marker.mark
    made: list[Paragraph] = []
    for first, last in _bounds(text, unit, markdown):
        found = _HEADING.match(text, first, last) if markdown and "\n" not in text[first:last] else None
        heading = found is not None
        shown = found.end() if found and not mark[0] < found.end() <= mark[1] else first
        runs: tuple[Run, ...] = marker.runs(shown, last)
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
