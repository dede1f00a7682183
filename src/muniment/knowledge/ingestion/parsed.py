"""What a parser makes of a file: its text in normal form, and where pages and headings begin.

Normal form: NFC, LF line ends, no control, zero-width, bidirectional-control or tag characters.
Every offset counts characters of `text`; ends are exclusive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from muniment.foundation.errors import BadInput
from muniment.knowledge.stated import NOTHING_STATED, Stated, stated_in

UnitKind = Literal["page", "slide", "sheet", "section", "message"]


class ParseFailed(BadInput):
    """This one file cannot be read; the text says what is wrong with it, the fix what to do."""

    code = "parse-failed"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a document that readers point to by number."""

    kind: UnitKind
    label: str
    number: int
    """From 1, as the document counts."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, standing in `text` at `start`."""

    level: int
    """1 is the highest."""
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed document."""

    title: str
    text: str
    units: tuple[Unit, ...]
    """In order, not overlapping; empty where the format has no pages."""
    headings: tuple[Heading, ...]
    """In order of `start`."""
    media_type: str
    notes: tuple[str, ...]
    """What was left out or repaired, for the operator."""
    author: str = ""
    """As the file names its author or sender; empty where it does not."""
    stated: Stated = NOTHING_STATED
    """What the file says of its own sensitivity."""
    language: str = ""
    """BCP 47 tag of what most of the text is written in; empty where that is not certain."""
    scans: tuple[int, ...] = ()
    """Pages that are pictures and were not read."""

    def __post_init__(self) -> None:
        at = 0
        for unit in self.units:
            if not at <= unit.start <= unit.end <= len(self.text):
                raise ValueError("units overlap, run backwards or leave the text")
            at = unit.end
        at = 0
        for heading in self.headings:
            if not at <= heading.start <= len(self.text):
                raise ValueError("headings run backwards or leave the text")
            at = heading.start

    def to_json(self) -> bytes:
        """Return the document as JSON for `from_json`."""
        return json.dumps(
            {
                "title": self.title,
                "text": self.text,
                "units": [[u.kind, u.label, u.number, u.start, u.end] for u in self.units],
                "headings": [[h.level, h.text, h.start] for h in self.headings],
                "media_type": self.media_type,
                "notes": self.notes,
                "author": self.author,
                "stated": self.stated.as_json(),
                "language": self.language,
                "scans": self.scans,
            },
            ensure_ascii=False,
        ).encode()


def from_json(answer: Mapping[str, object]) -> Parsed:
    """Return the document in `answer`, an untrusted process's; raises ValueError if it is not one."""
    return Parsed(
        title=_text(answer.get("title")),
        text=_text(answer.get("text")),
        units=tuple(_unit(row) for row in _rows(answer.get("units"), 5)),
        headings=tuple(_heading(row) for row in _rows(answer.get("headings"), 3)),
        media_type=_text(answer.get("media_type")),
        notes=tuple(_text(note) for note in _list(answer.get("notes"))),
        author=_text(answer.get("author")),
        stated=stated_in(answer.get("stated")),
        language=_tag(answer.get("language", "")),
        scans=tuple(_count(page) for page in _list(answer.get("scans", []))),
    )


_LANGUAGE = re.compile("[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")

_KINDS: dict[str, UnitKind] = {
    "page": "page", "slide": "slide", "sheet": "sheet", "section": "section", "message": "message",
}  # fmt: skip


def _unit(row: list[object]) -> Unit:
    kind = _KINDS.get(_text(row[0]))
    if kind is None:
        raise ValueError("unknown kind of unit")
    return Unit(kind, _text(row[1]), _count(row[2]), _count(row[3]), _count(row[4]))


def _heading(row: list[object]) -> Heading:
    return Heading(_count(row[0]), _text(row[1]), _count(row[2]))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return list(value)


def _rows(value: object, width: int) -> list[list[object]]:
    rows = [_list(row) for row in _list(value)]
    if any(len(row) != width for row in rows):
        raise ValueError("a row of another width")
    return rows


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _tag(value: object) -> str:
    text = _text(value)
    if text and not _LANGUAGE.fullmatch(text):
        raise ValueError("not a language")
    return text


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value
