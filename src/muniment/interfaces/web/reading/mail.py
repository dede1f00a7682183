"""A mail: its head lines, its text, and what was attached to it."""

from __future__ import annotations

import re

from muniment.interfaces.web.reading.marker import Marker
from muniment.interfaces.web.reading.views import Leaf, Paragraph, Run
from muniment.interfaces.web.wording import Unit

_HEAD = re.compile(r"(Subject|From|To|Cc|Date): ([^\n]*)(?:\n|$)")
_BREAK = re.compile(r"\n[ \t]*\n\s*")
_ATTACHED = re.compile(r"(?:(?<=\n\n)|^)Attachments: (?=[^\n]*$)")


def mail(number: int, name: str, unit: Unit, marker: Marker, names: dict[str, str]) -> Leaf:
    """Return a message; `names` words its head lines."""
    text, at = marker.text, unit.start
    title: tuple[Run, ...] = ()
    head: list[tuple[str, tuple[Run, ...]]] = []
    while found := _HEAD.match(text, at, unit.end):
        if found[1] == "Subject":
            title = marker.runs(found.start(2), found.end(2))
        else:
            head.append((names[found[1]], marker.runs(found.start(2), found.end(2))))
        at = found.end()
    attached = _ATTACHED.search(text[at : unit.end])
    last = unit.end if attached is None else at + attached.start()
    body: list[Paragraph] = []
    for first, end in _parts(text, at, last):
        runs = marker.runs(first, end)
        if any(run.text.strip() for run in runs):
            body.append(Paragraph(runs))
    aside = () if attached is None else marker.runs(at + attached.end(), unit.end)
    return Leaf(number, name, tuple(body), "mail", title, tuple(head), aside)


def _parts(text: str, first: int, last: int) -> list[tuple[int, int]]:
    parts: list[tuple[int, int]] = []
    for found in _BREAK.finditer(text, first, last):
        parts.append((first, found.start()))
        first = found.end()
    return [*parts, (first, last)]
