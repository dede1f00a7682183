"""People in the log: entries name them by pseudonyms, which lead back to their names until they are erased.

Invariants:
- a pseudonym is looked up and made under the keys as of the transaction that writes it: once an erasure is
  committed, no process writes or reads the former pseudonym for that name, whatever its file still holds;
- the database holds pseudonyms, and names sealed under keys that it does not hold;
- a person is forgotten in the database first and in the file after that; whoever finds the file behind brings it up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from muniment.foundation.database import Database
from muniment.foundation.errors import NotSetUp, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.keys import seal, unseal
from muniment.foundation.worded import Listed, Worded
from muniment.governance.audit.subject_keys import SubjectKeyFile, SubjectKeys
from muniment.governance.audit.tables import audit_erasure, audit_subject, audit_subject_keys

PERSON = "user:"
"""What the names of people begin with."""
ERASED = "[erased]"
"""What is read where the key is gone."""
MOST_KNOWN = 10_000
"""Names that one process keeps in memory."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom the log speaks of."""

    ref: str
    pseudonym: str
    """32 hex digits; the log spells them `subject:HEX`."""
    key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    """The name, under that key."""


@dataclass(slots=True)
class _Known:
    """What holds until the next erasure."""

    epoch: str
    keys: SubjectKeys
    erased: frozenset[int]
    subjects: dict[str, Subject] = field(default_factory=dict[str, Subject])
    names: dict[str, str] = field(default_factory=dict[str, str])
    stored: set[str] = field(default_factory=set[str])
    """Pseudonyms whose rows are known to be committed."""


class Subjects:
    """The people of one workspace's log; safe to share between threads."""

    def __init__(self, file: SubjectKeyFile, tenant: str, ids: Ids) -> None:
        self.file = file
        self._tenant = tenant
        self._ids = ids
        self._known: _Known | None = None
        self._lock = threading.Lock()
        self.is_behind = False
        """Whether the file still holds keys of people who were erased; `settle` mends it."""

    def written(self, connection: sa.Connection, refs: Collection[str]) -> Mapping[str, Subject]:
        """Return people by name, their rows stored in the caller's write transaction.

        Raises NotSetUp where the keys are missing that this database was written with.
        """
        known = self._known_for_writing(connection)
        found = {ref: self._subject(known, ref) for ref in refs}
        missing = [one for one in found.values() if one.pseudonym not in known.stored]
        if missing:
            rows = [{"pseudonym": one.pseudonym, "sealed": one.sealed} for one in missing]
            _KEEP[connection.dialect.name].run(connection, rows)
        return found

    def committed(self, subjects: Iterable[Subject]) -> None:
        """Take note that the rows of these are durable: they need not be written again."""
        if self._known is not None:
            self._known.stored.update(one.pseudonym for one in subjects)

    def find(self, connection: sa.Connection, ref: str) -> Subject | None:
        """Return somebody as the log would name them now; writes nothing, None where there are no keys."""
        known = self._known_for_reading(connection)
        return None if known is None else self._subject(known, ref)

    def names(self, connection: sa.Connection, pseudonyms: Collection[str]) -> Mapping[str, str]:
        """Return the names that these pseudonyms stand for; of erased people there is none."""
        known = self._known_for_reading(connection) if pseudonyms else None
        if known is None:
            return {}
        found = {one: ref for one in pseudonyms if (ref := known.names.get(one)) is not None}
        wanted = [one for one in pseudonyms if one not in found]
        for start in range(0, len(wanted), _AT_ONCE):
            for pseudonym, sealed in _ROWS.rows(
                connection, [(one,) for one in wanted[start : start + _AT_ONCE]]
            ):
                key = known.keys.key_of(pseudonym)
                if key is not None:
                    found[pseudonym] = unseal(key, self._context("name"), sealed).decode(
                        errors="surrogatepass"
                    )
        if len(known.names) > MOST_KNOWN:
            known.names = {}
        known.names.update(found)
        return found

    def seal(self, subject: Subject, kind: str, name: str, value: bytes) -> bytes:
        """Seal what one field of an entry says, under the person's key."""
        context = self._context(name, kind)
        return seal(subject.key, context, value, self._ids.random_bytes(12))

    def unseal(self, pseudonym: str, kind: str, name: str, sealed: bytes) -> bytes | None:
        """Return what `seal` sealed; None where the key is gone, or where the bytes are not of this place."""
        key = None if self._known is None else self._known.keys.key_of(pseudonym)
        if key is None:
            return None
        try:
            return unseal(key, self._context(name, kind), sealed)
        except Tampered:
            return None

    def state(self, connection: sa.Connection) -> Literal["new", "there", "missing"]:
        """Return whether the keys are there that this database was written with, or whether it never had any."""
        rows = _STORE.rows(connection)
        if not rows:
            return "new"
        return "missing" if self._known_for_reading(connection) is None else "there"

    def is_known(self, connection: sa.Connection, ref: str) -> bool:
        """Return whether the log ever spoke of somebody as they are now."""
        found = self.find(connection, ref)
        return found is not None and bool(_ROWS.rows(connection, [(found.pseudonym,)]))

    def unapplied(self, connection: sa.Connection, refs: Iterable[str]) -> list[str]:
        """Return whom of these the file has forgotten and the database, being older, has not."""
        known = self._known_for_reading(connection)
        if known is None:
            return []
        return [ref for ref in refs if self._standing(known, ref)[1]]

    def forget(self, connection: sa.Connection, ref: str) -> str | None:
        """Forget somebody in the caller's write transaction; return the former pseudonym, None where it is lost.

        Once it is committed, `settle` must follow: until then the keys lie in the file.
        """
        known = self._known_for_writing(connection)
        place, lost = self._standing(known, ref)
        pseudonym = None if lost else known.keys.pseudonym(place)
        rows = [{"place": _spelled(one)} for one in lost or [place]]
        connection.execute(sa.insert(audit_erasure), rows)
        if pseudonym is not None:
            row = audit_subject.c.pseudonym == pseudonym
            connection.execute(sa.delete(audit_subject).where(row))
        connection.execute(sa.update(audit_subject_keys).values(epoch=self._ids.new("epoch")))
        return pseudonym

    def settle(self, database: Database) -> None:
        """Take out of the file whom the database has forgotten; raises Unavailable where it cannot be written."""
        with self._lock, database.write() as connection:
            keys = self.file.read()
            if keys is None:
                return
            left = keys.without(_erased(connection))
            if left != keys:
                self.file.replace(left)
            self._known, self.is_behind = None, False

    def renew(self, connection: sa.Connection) -> None:
        """Begin with new keys in the caller's write transaction: what the old ones sealed is lost for ever."""
        keys = self.file.make()
        connection.execute(sa.delete(audit_subject))
        connection.execute(sa.delete(audit_subject_keys))
        self._known = None
        self._keep(connection, keys)

    def _subject(self, known: _Known, ref: str) -> Subject:
        found = known.subjects.get(ref)
        if found is not None:
            return found
        place, _ = self._standing(known, ref)
        pseudonym = known.keys.pseudonym(place)
        key = None if pseudonym is None else known.keys.key_of(pseudonym)
        if pseudonym is None or key is None:
            raise NotSetUp(
                "The keys of people in the log do not fit one another.",
                fix=f"Put back {self.file.path} from its copy.",
            )
        name = ref.encode(errors="surrogatepass")
        sealed = seal(key, self._context("name"), name, self._ids.random_bytes(12))
        if len(known.subjects) >= MOST_KNOWN:
            known.subjects = {}
        made = known.subjects[ref] = Subject(ref, pseudonym, key, sealed)
        return made

    def _standing(self, known: _Known, ref: str) -> tuple[int, list[int]]:
        """Return the place where a name stands now, and those before it that only the file has forgotten."""
        lost: list[int] = []
        for place in self.file.places(ref):
            if place in known.erased:
                continue
            if known.keys.covers(place):
                return place, lost
            lost.append(place)
        raise NotSetUp(f"{ref} was erased too often.", fix="Give this person another name.")

    def _known_for_reading(self, connection: sa.Connection) -> _Known | None:
        rows = _STORE.rows(connection)
        if self._known is not None and rows and self._known.epoch == rows[0][1]:
            return self._known
        with self._lock:
            keys = self.file.read()
            if keys is None or (rows and rows[0][0] != keys.mark):
                return None
            return self._take(connection, keys, rows[0][1] if rows else "")

    def _known_for_writing(self, connection: sa.Connection) -> _Known:
        rows = _STORE.rows(connection)
        if self._known is not None and rows and self._known.epoch == rows[0][1]:
            return self._known
        keys = self.file.read()
        if rows and (keys is None or keys.mark != rows[0][0]):
            raise NotSetUp(
                f"{self.file.path} is missing or is another workspace's, and the log names people by its keys.",
                fix="Put back its copy, or copy it from the machine where this workspace was used last.",
            )
        keys = keys or self.file.make()
        epoch = rows[0][1] if rows else self._keep(connection, keys)
        return self._take(connection, keys, epoch)

    def _keep(self, connection: sa.Connection, keys: SubjectKeys) -> str:
        epoch = self._ids.new("epoch")
        row = {"id": 1, "mark": keys.mark, "epoch": epoch}
        connection.execute(sa.insert(audit_subject_keys).values(row))
        return epoch

    def _take(self, connection: sa.Connection, keys: SubjectKeys, epoch: str) -> _Known:
        erased = _erased(connection)
        self.is_behind = any(keys.covers(place) for place in erased)
        self._known = _Known(epoch, keys, erased)
        return self._known

    def _context(self, name: str, kind: str = "") -> dict[str, str]:
        return {"tenant": self._tenant, "kind": kind, "field": name}


def _spelled(place: int) -> str:
    return f"{place:016x}"


def _erased(connection: sa.Connection) -> frozenset[int]:
    found = connection.execute(sa.select(audit_erasure.c.place)).scalars()
    return frozenset(int(place, 16) for place in found)


# Statements of every entry are made once: making one costs more than running it.
_STORE = Worded(sa.select(audit_subject_keys.c.mark, audit_subject_keys.c.epoch))
_ROWS = Listed(sa.select(audit_subject.c.pseudonym, audit_subject.c.sealed), audit_subject.c.pseudonym)
_INSERTS: Mapping[str, Callable[[sa.Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_KEEP = {
    dialect: Worded(
        insert(audit_subject)
        .values(pseudonym=sa.bindparam("pseudonym"), sealed=sa.bindparam("sealed"))
        .on_conflict_do_nothing()
    )
    for dialect, insert in _INSERTS.items()
}
