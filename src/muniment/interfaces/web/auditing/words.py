"""How entries of the log read on a page: kinds, times and fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from muniment.governance.audit.entry import Json
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import capitalised

_ID = re.compile(r"(?:[A-Z][A-Za-z]*:)?([a-z][a-z0-9]{1,15}_[a-z2-7]{20})")
_PSEUDONYM = re.compile(r"subject:([0-9a-f]{8})[0-9a-f]{24}")
MOST_ITEMS = 40
"""Values of one field that are shown in words; the canonical JSON has all."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a field."""

    text: str
    href: str = ""
    """Where to find what else the log says of the thing that it names."""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A field of an entry."""

    name: str
    items: tuple[Item, ...]
    more: int = 0
    """Values that are not shown."""


def kind_words(kind: str) -> str:
    """Return a kind as a person says it, such as `Answer finished`."""
    return capitalised(re.sub(r"[._]", " ", kind))


def by_words(actor: str) -> str:
    """Return who it was; somebody who was erased by the beginning of their pseudonym."""
    erased = _PSEUDONYM.fullmatch(actor)
    return say("entries.erased", pseudonym=erased[1]) if erased else actor


def first_id(about: Mapping[str, Json]) -> str:
    """Return the id that an entry is most about; empty for none."""
    for value in about.values():
        if isinstance(value, str) and (found := _ID.fullmatch(value)):
            return found[1]
    return ""


def lines_of(about: Mapping[str, Json]) -> tuple[Line, ...]:
    """Return the fields of an entry in words."""
    return tuple(_lines("", about))


def _lines(above: str, about: Mapping[str, Json]) -> Iterator[Line]:
    for key, value in about.items():
        name = f"{above}{capitalised(key.replace('_', ' ')) if not above else key.replace('_', ' ')}"
        if isinstance(value, Mapping) and value:
            yield from _lines(f"{name}: ", value)
            continue
        many = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        shown = tuple(_item(one) for one in many[:MOST_ITEMS])
        yield Line(name, shown or (Item(say("entries.none")),), max(0, len(many) - MOST_ITEMS))


def _item(value: Json) -> Item:
    match value:
        case None | "":
            return Item(say("entries.none"))
        case bool():
            return Item(say("entries.yes") if value else say("entries.no"))
        case str():
            named = _ID.fullmatch(value)
            digest = value.startswith(("sha256:", "hmac-sha256:")) or len(value) > 60
            return Item(value, f"/audit?names={quote(named[1])}" if named else "", code=digest)
        case int() | float():
            return Item(f"{value:,}" if isinstance(value, int) else str(value))
        case _:
            return Item(json.dumps(value, ensure_ascii=False), code=True)
