"""The words that a proposal rests on: read for whoever decides, by their rights at this moment, each on record.

Invariants:
- nothing is kept from an earlier reading, and nothing is read that was not named when the call was proposed;
- a document that the reader may not read is told as one, without its id, its title or its words;
- what is marked is in the call too, found by code: no model chose it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from muniment.actions.bound import Bound, Evidence
from muniment.actions.view import View, leaves_of
from muniment.actions.visible import Piece, pieces
from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.knowledge import library
from muniment.knowledge.library import ChunkText
from muniment.knowledge.reading import DocumentRead, Reading

MOST = 12
"""Passages that are read at one time."""
LONGEST = 4_000
"""Characters of one passage that are shown."""
MOST_SAID = 300
"""Values of a call that are looked for in a passage, the longest of them."""
_LOOKED_AT = 5_000
"""Places of one passage; what is beyond them is shown and not marked."""
_SHORTEST = 3
_NUMBER = re.compile(r"[0-9]{1,7}")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Words:
    """A passage, or that there is one."""

    document: str = ""
    version: int = 0
    title: tuple[Piece, ...] | None = None
    """None: the reader may not read it."""
    path: str = ""
    page: int | None = None
    heading: tuple[Piece, ...] = ()
    text: tuple[Piece, ...] = ()
    """With what the call says too marked; empty: that passage is not stored any more."""
    span: tuple[int, int] = (0, 0)
    cut: bool = False
    """It goes on behind what is shown."""


@dataclass(frozen=True, slots=True)
class Passages:
    """Reads the passages of one workspace."""

    database: Database
    reading: Reading

    def of(self, bound: Bound, view: View, who: Principal, by: Actor) -> Sequence[Words]:
        """Return the passages that a call rests on, up to MOST; of those without right, that they are there.

        `view` is the one that this reader was shown: what it names no title of is not asked for, since looking at an
        action is no attempt to read them. Raises Unavailable where a reading cannot be recorded.
        """
        named = list(dict.fromkeys(bound.evidence))[:MOST]
        titled = {one.document for one in view.passages if one.title is not None}
        read: dict[tuple[str, str], DocumentRead | None] = {}
        for one in named:
            if one.document not in titled:
                read[(one.document, one.version)] = None
            elif (one.document, one.version) not in read:
                read[(one.document, one.version)] = self._read(one, who, by)
        said = _said(bound.arguments)
        with self.database.read() as connection:
            places = [place for one in named if (place := _place(one)) is not None]
            chunks = library.chunk_texts(connection, places) if places else {}
        return [_words(one, read[(one.document, one.version)], chunks, said) for one in named]

    def _read(self, one: Evidence, who: Principal, by: Actor) -> DocumentRead | None:
        if not _NUMBER.fullmatch(one.version):
            return None
        try:
            return self.reading.read(who, one.document, int(one.version), by)
        except NotFound:
            return None


def _place(one: Evidence) -> tuple[str, int, int] | None:
    ordinal = one.chunk.rpartition(":")[2]
    if not (_NUMBER.fullmatch(ordinal) and _NUMBER.fullmatch(one.version)):
        return None
    return one.document, int(one.version), int(ordinal)


def _words(
    one: Evidence,
    read: DocumentRead | None,
    chunks: Mapping[tuple[str, int, int], ChunkText],
    said: Sequence[str],
) -> Words:
    if read is None:
        return Words()
    place = _place(one)
    chunk = chunks.get(place) if place else None
    title = pieces(read.version.title)
    if chunk is None:
        return Words(read.document.id, read.version.version, title, read.document.path)
    text = chunk.text[:LONGEST]
    return Words(
        document=read.document.id,
        version=read.version.version,
        title=title,
        path=read.document.path,
        page=chunk.page,
        heading=() if chunk.heading == read.version.title else pieces(chunk.heading),
        text=pieces(text, _marked(text, said)),
        span=(chunk.start, chunk.end),
        cut=len(text) < len(chunk.text),
    )


def _said(arguments: Mapping[str, object]) -> Sequence[str]:
    """Return what the call says and a document could say too, the longest first, up to MOST_SAID."""
    found = {str(value) for _, value in leaves_of(arguments) if isinstance(value, str | int | float)}
    return sorted((one for one in found if len(one.strip()) >= _SHORTEST), key=lambda one: (-len(one), one))[
        :MOST_SAID
    ]


def _marked(text: str, said: Sequence[str]) -> Sequence[tuple[int, int]]:
    """Return where the text says one of these, as words of its own."""
    found: list[tuple[int, int]] = []
    marked = bytearray(len(text))
    for start, end in islice(_places_of(said, text), _LOOKED_AT):
        joined = (start > 0 and _WORD.match(text, start - 1)) or _WORD.match(text, end)
        if not joined and marked.find(1, start, end) < 0:
            marked[start:end] = b"\1" * (end - start)
            found.append((start, end))
    return sorted(found)


def _places_of(said: Sequence[str], text: str) -> Iterator[tuple[int, int]]:
    for one in said:
        start = text.find(one)
        while start >= 0:
            yield start, start + len(one)
            start = text.find(one, start + 1)
