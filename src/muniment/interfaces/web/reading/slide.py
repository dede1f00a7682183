"""A slide as a card: its title, its points, and the notes to it apart."""

from __future__ import annotations

import re

from muniment.interfaces.web.reading.marker import Marker
from muniment.interfaces.web.reading.views import Leaf, Paragraph, Run
from muniment.interfaces.web.wording import Unit

_LINE = re.compile(r"[^\n]+")
_NOTES = re.compile(r"(?:(?<=\n\n)|^)Notes: ")
_POINT = "- "


def slide(number: int, name: str, unit: Unit, marker: Marker) -> Leaf:
    """Return a slide of a deck."""
    text, start, end = marker.text, unit.start, unit.end
    # Points may begin with the same word; the notes come last.
    notes = [found.end() for found in _NOTES.finditer(text[start:end])][-1:]
    body = end if not notes else start + notes[0] - len("Notes: ")
    first = _LINE.match(text, start, body)
    title: tuple[Run, ...] = ()
    if first is not None and first[0] == unit.label:
        title = marker.runs(start, first.end())
        start = first.end()
    points = tuple(
        Paragraph(marker.runs(*_inside(marker, found.start(), found.end())), point=_is_point(found[0]))
        for found in _LINE.finditer(text, start, body)
    )
    aside = marker.runs(unit.start + notes[0], end) if notes else ()
    return Leaf(number, name, points, "slide", title, aside=aside)


def _is_point(line: str) -> bool:
    return line.startswith(_POINT)


def _inside(marker: Marker, first: int, last: int) -> tuple[int, int]:
    """Return a line without the sign that the list shows anyway, unless that is quoted."""
    begins = marker.text.startswith(_POINT, first) and not marker.touches(first, first + len(_POINT))
    return (first + len(_POINT) if begins else first), last
