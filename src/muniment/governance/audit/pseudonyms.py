"""Entries as they are stored: names of people as pseudonyms, what is personal sealed; and back again.

A name is looked for as a whole string of the canonical JSON, wherever it stands in the entry: in it, a quote that no
backslash precedes begins or ends a string, and no string is followed by a letter.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import sqlalchemy as sa

from muniment.foundation.canonical import exact
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.subjects import ERASED, PERSON, Subject, Subjects

COMMITMENT = "hmac-sha256:"
PSEUDONYM = "subject:"
"""What pseudonyms begin with."""
_NAMED = re.compile(rb'(?<!\\)"user:(?:[^"\\]|\\.)+"')
_PSEUDONYM = re.compile(rb'(?<!\\)"subject:([0-9a-f]{32})"')
_SEALED = {"for", "sealed"}


@dataclass(slots=True)
class Prepared:
    """An entry in canonical parts, all but its place and time, with the names as they were given."""

    kind: str
    actor: str
    via: str
    about: bytes
    who: bytes
    what: bytes
    door: bytes
    values: Mapping[str, Json]
    sealed: tuple[str, ...] = ()
    of: str = ""

    def body(self, seq: int, at: str) -> bytes:
        """Return the canonical JSON of the whole entry: the keys in sorted order."""
        return b'{"about":%b,"actor":%b,"at":"%b","kind":%b,"seq":%d,"via":%b}' % (
            self.about,
            self.who,
            at.encode(),
            self.what,
            seq,
            self.door,
        )


def prepared(entry: Entry) -> Prepared:
    """Return the parts of an entry; raises BadInput for an `about` that JSON cannot say exactly."""
    if not isinstance(entry.about, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadInput("What an audit entry is about must be an object.")
    kind, actor, via = entry.kind, entry.actor.ref, entry.actor.door
    of = entry.of or actor
    sealed: tuple[str, ...] = ()
    if of.startswith(PERSON):
        committed = [name for name, value in entry.about.items() if _is_commitment(value)]
        sealed = tuple(dict.fromkeys([*(one for one in entry.sealed if one in entry.about), *committed]))
    about = exact(entry.about)
    return Prepared(
        kind, actor, via, about, _quoted(actor), _quoted(kind), _quoted(via), entry.about, sealed, of
    )


def disguised(
    subjects: Subjects, connection: sa.Connection, entries: Sequence[Prepared]
) -> tuple[Sequence[Prepared], Iterable[Subject]]:
    """Return entries without the names of people, and who these are, stored in the caller's write transaction."""
    refs: dict[str, None] = {}
    for entry in entries:
        if entry.actor.startswith(PERSON):
            refs[entry.actor] = None
        if entry.sealed:
            refs[entry.of] = None
        if b'"user:' in entry.about:
            refs |= dict.fromkeys(map(_read, _NAMED.findall(entry.about)))
    if not refs:
        return entries, ()
    people = subjects.written(connection, refs)
    spelled = {_quoted(ref): _spelled(one) for ref, one in people.items()}
    return [_disguised(subjects, people, spelled, entry) for entry in entries], people.values()


def _disguised(
    subjects: Subjects, people: Mapping[str, Subject], spelled: Mapping[bytes, bytes], entry: Prepared
) -> Prepared:
    about = entry.about
    if entry.sealed:
        person = people[entry.of]
        hidden = {
            name: {
                "for": person.pseudonym,
                "sealed": base64.b64encode(
                    subjects.seal(person, entry.kind, name, exact(entry.values[name]))
                ).decode(),
            }
            for name in entry.sealed
        }
        about = exact({**entry.values, **hidden})
    if b'"user:' in about:
        about = _NAMED.sub(lambda found: spelled[found[0]], about)
    person = people.get(entry.actor)
    actor = entry.actor if person is None else _log_name(person)
    return Prepared(entry.kind, actor, entry.via, about, _quoted(actor), entry.what, entry.door, entry.values)


def revealed(
    subjects: Subjects | None, connection: sa.Connection, bodies: Sequence[bytes]
) -> list[Mapping[str, Json]]:
    """Return stored entries with the names that may be known again, and with what was sealed."""
    if subjects is None:
        return [cast("Mapping[str, Json]", json.loads(body)) for body in bodies]
    found = {name.decode() for body in bodies for name in _PSEUDONYM.findall(body)}
    found |= {name.decode() for body in bodies for name in _FOR.findall(body)}
    names = {one.encode(): _quoted(ref) for one, ref in subjects.names(connection, found).items()}
    shown: list[Mapping[str, Json]] = []
    for body in bodies:
        named = _PSEUDONYM.sub(lambda one: names.get(one[1], one[0]), body)
        whole = cast("dict[str, Json]", json.loads(named))
        if b'"sealed":"' in body:
            whole["about"] = _opened(subjects, str(whole["kind"]), cast("Mapping[str, Json]", whole["about"]))
        shown.append(whole)
    return shown


def log_name(pseudonym: str) -> str:
    """Return how the log spells a pseudonym."""
    return PSEUDONYM + pseudonym


def pseudonyms_in(content: bytes) -> set[str]:
    """Return the pseudonyms that JSON holds as whole strings."""
    return {name.decode() for name in _PSEUDONYM.findall(content)}


def _opened(subjects: Subjects, kind: str, about: Mapping[str, Json]) -> Mapping[str, Json]:
    opened: dict[str, Json] = {}
    for name, value in about.items():
        if not isinstance(value, Mapping) or set(value) != _SEALED:
            opened[name] = value
            continue
        sealed = base64.b64decode(str(value["sealed"]))
        plain = subjects.unseal(str(value["for"]), kind, name, sealed)
        opened[name] = ERASED if plain is None else cast(Json, json.loads(plain))
    return opened


def _is_commitment(value: Json) -> bool:
    return isinstance(value, str) and value.startswith(COMMITMENT)


def _log_name(person: Subject) -> str:
    return log_name(person.pseudonym)


def _spelled(person: Subject) -> bytes:
    return _quoted(_log_name(person))


@lru_cache(maxsize=4096)
def _read(quoted: bytes) -> str:
    return str(json.loads(quoted))


@lru_cache(maxsize=4096)
def _quoted(name: str) -> bytes:
    return exact(name)


_FOR = re.compile(rb'\{"for":"([0-9a-f]{32})","sealed":"')
