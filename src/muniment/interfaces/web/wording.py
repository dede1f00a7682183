"""How dates and places read on a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from muniment.interfaces.web.rendering import say
from muniment.knowledge.library import VersionRow

POINTED_AT = frozenset({"page", "slide", "sheet", "message"})
"""Kinds of units that readers know by number or name."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A page, slide, sheet, message or part of a stored version."""

    kind: str
    label: str
    number: int
    start: int
    end: int

    def named(self, form: str) -> str:
        """Return its name in the form `place` or `leaf`."""
        key = f"place.{self.kind}" if form == "place" else f"document.leaf_{self.kind}"
        return say(key, number=self.number, label=self.label)


def units_of(version: VersionRow) -> list[Unit]:
    """Return the units that readers point at, in reading order; empty where the format has none."""
    units = [_unit(one) for one in version.units]
    return sorted((u for u in units if u.kind in POINTED_AT), key=lambda u: u.start)


def _unit(stored: Mapping[str, object]) -> Unit:
    number, start, end = (int(str(stored[name])) for name in ("number", "start", "end"))
    return Unit(str(stored["kind"]), str(stored["label"]), number, start, end)


def unit_at(units: list[Unit], position: int) -> Unit | None:
    """Return the unit that holds a character."""
    return next((unit for unit in units if unit.start <= position < unit.end), None)


def day(timestamp: str) -> str:
    """Return `1 January 2026`, or the text as it is where it is no timestamp."""
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp
    return f"{at.day} {at:%B %Y}"


def minute(timestamp: str) -> str:
    """Return `1 January 2026, 09:00 UTC`, or the text as it is where it is no timestamp."""
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def second(timestamp: str) -> str:
    """Return `09:00:12`, or the text as it is where it is no timestamp."""
    try:
        return f"{datetime.fromisoformat(timestamp):%H:%M:%S}"
    except ValueError:
        return timestamp


def span(time: timedelta) -> str:
    """Return how long something lasted in its largest unit, such as `3 hours`."""
    seconds = max(0, int(time.total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = seconds // size
            return say(f"span.{unit}" if number == 1 else f"span.{unit}s", number=number)
    return say("span.moment")


def short_span(time: timedelta) -> str:
    """Return how long something lasted, what is under a minute in `12 ms` or `4 s`."""
    seconds = max(0.0, time.total_seconds())
    if seconds < 1:
        return say("span.milliseconds", number=round(seconds * 1000))
    return say("span.seconds", number=int(seconds)) if seconds < 60 else span(time)


def capitalised(text: str) -> str:
    """Return the text with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]
