"""Lines that stand in a text again and again: headers, footers, disclaimers."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LEAST_PAGES = 3
SHARE = 0.6
"""A line that stands near the edge of so many of the pages is boilerplate."""
LEAST_DOCUMENTS = 8
"""A line that stands near the edge of so many documents of a source is a repeated one."""
_EDGE, _HEAD, _FOOT = 3, 6, 10
_SHORTEST, _LONGEST = 12, 1000
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line near an edge of a text."""

    key: int
    """63 bits, the same for lines that differ by nothing but numbers, space and case."""
    start: int
    end: int


def edge_lines(text: str) -> tuple[Line, ...]:
    """Return the first and last lines of a text, each once."""
    found = {line.key: line for line in _edges(text, 0, len(text), _HEAD, _FOOT)}
    return tuple(found.values())


def repeated(text: str, units: Sequence[Mapping[str, object]]) -> list[tuple[int, int]]:
    """Return where lines stand that are repeated over the pages of a text."""
    places: dict[int, list[Line]] = defaultdict(list)
    pages = 0
    for unit in units:
        start, end = unit.get("start"), unit.get("end")
        if unit.get("kind") in ("page", "slide") and isinstance(start, int) and isinstance(end, int):
            pages += 1
            for line in {one.key: one for one in _edges(text, start, end, _EDGE, _EDGE)}.values():
                places[line.key].append(line)
    least = max(LEAST_PAGES, SHARE * pages)
    return sorted((one.start, one.end) for lines in places.values() if len(lines) >= least for one in lines)


def _edges(text: str, start: int, end: int, head: int, foot: int) -> Iterator[Line]:
    """Yield up to so many lines from either end; no more of the text is looked at than they take."""
    at = start
    for _ in range(head):
        while at < end and text[at] == "\n":
            at += 1
        if at >= end:
            return
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        yield from _line(text, at, stop)
        at = stop
    last = end
    for _ in range(foot):
        while last > at and text[last - 1] == "\n":
            last -= 1
        if last <= at:
            return
        begin = max(text.rfind("\n", at, last) + 1, at)
        yield from _line(text, begin, last)
        last = begin


def _line(text: str, start: int, end: int) -> Iterator[Line]:
    if not _SHORTEST <= end - start <= _LONGEST:
        return
    plain = _NUMBER.sub("#", " ".join(text[start:end].casefold().split()))
    if sum(one.isalpha() for one in plain) >= _SHORTEST // 2:
        hashed = hashlib.blake2b(plain.encode(), digest_size=8).digest()
        yield Line(int.from_bytes(hashed) >> 1, start, end)
