"""Appending to and reading the audit log.

Invariants:
- entries, the tree over them and its checkpoints change in one transaction, and the tree is read inside that
  transaction: neither threads nor processes can fork the log;
- an entry's bytes never change: what is hashed is what is stored and exported;
- entries hold no content; texts enter only as keyed commitments;
- people are named by pseudonyms in what is hashed, stored and exported, and by their names to who reads it here.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import exc

from muniment.foundation.canonical import exact
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import MunimentError, Unavailable
from muniment.foundation.keys import Keyring
from muniment.foundation.telemetry.tracing import Stage
from muniment.foundation.worded import Worded
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit import recent
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.entry import Entry, Json, StoredEntry
from muniment.governance.audit.export import Export, write_export
from muniment.governance.audit.group_commit import GroupCommit
from muniment.governance.audit.measured import BATCH, COMMIT_SECONDS, WAITING
from muniment.governance.audit.merkle import Frontier, leaf_hash
from muniment.governance.audit.places import first_since
from muniment.governance.audit.pseudonyms import PSEUDONYM, Prepared, disguised, log_name, prepared, revealed
from muniment.governance.audit.subjects import PERSON, Subject, Subjects
from muniment.governance.audit.tables import audit_checkpoint, audit_entry, audit_tree
from muniment.governance.audit.verification import Verification, VerifiedPart, verify_log, verify_part

_ROWS_AT_ONCE = 1000
CHECKPOINT_ENTRIES = 1000
CHECKPOINT_SECONDS = 60.0
"""A checkpoint is made when an append finds this many entries, or this much time, since the last one."""
_BEFOREHAND = 10.0
"""Seconds that a server looks ahead, so that no entry waits longer for a checkpoint."""


class AuditLog:
    """The log of one workspace."""

    def __init__(
        self, database: Database, keyring: Keyring, clock: Clock, subjects: Subjects | None = None
    ) -> None:
        """Without `subjects`, names stay as they are: for a log that is only checked."""
        self._database = database
        self._subjects = subjects
        self._keyring = keyring
        self._clock = clock
        self._origin = notes.origin(keyring.tenant)
        self._withheld = set[str]()
        self._group = GroupCommit[Sequence[Prepared], range](self._commit)

    def append(self, connection: sa.Connection, entries: Sequence[Entry]) -> range:
        """Add entries inside the caller's write transaction; return their places.

        Raises BadInput for an `about` that JSON cannot say exactly, and Unavailable where the log takes none or is
        withheld: the caller's transaction must end with it.
        """
        self._check(entries)
        given, _ = self._disguised(connection, [prepared(entry) for entry in entries])
        try:
            return self._append(connection, given)
        except exc.IntegrityError as error:
            raise _unwritable(error) from error

    def record(self, entries: Sequence[Entry]) -> range:
        """Add entries in a transaction shared with other threads; return when they are durable.

        Never call it inside a write transaction of the same database. Raises Unavailable when they cannot be
        written: then none of them is in the log, and the caller must give nothing.
        """
        self._check(entries)
        given = [prepared(entry) for entry in entries]
        if not given:
            return range(0)
        WAITING.change(len(given))
        try:
            with Stage("record"):
                return self._group.submit(given)
        except Exception as error:
            raise _unwritable(error) from error
        finally:
            WAITING.change(-len(given))

    def withhold(self, why: str, held: bool) -> None:
        """Take nothing more, or take it again, because of a copy by name; what is said of the log is taken always."""
        (self._withheld.add if held else self._withheld.discard)(why)

    def commitment(self, text: str) -> str:
        """Return a keyed digest of a text, by which it can be recognised but not guessed without the key."""
        key = self._keyring.data_key("commitments")
        return "hmac-sha256:" + hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    def checkpoint(self) -> Checkpoint:
        """Return a signed checkpoint of the log as it stands, stored with it."""
        with self._database.write() as connection:
            tree, last = _read_tree(connection)
            if last is not None and last.size == tree.size:
                return notes.parse(connection.execute(_NEWEST_TEXT).scalar_one())
            return self._add_checkpoint(connection, tree)

    def checkpoint_if_due(self) -> None:
        """Make a checkpoint where entries wait for one, although nothing is appended after them."""
        ahead = self._clock.now() + timedelta(seconds=_BEFOREHAND)
        with self._database.read() as connection:
            tree, last = _read_tree(connection)
        if tree.size and (last is None or (tree.size > last.size and last.is_old(tree.size, ahead))):
            self.checkpoint()

    def statement(self) -> Checkpoint:
        """Return a signed checkpoint of the log as it stands, which nothing keeps."""
        with self._database.read() as connection:
            tree, _ = _read_tree(connection)
        return notes.sign(self._origin, tree.size, tree.root(), self._keyring.signing_key())

    def public_key(self) -> str:
        """Return the key that checks checkpoints, as one line."""
        return notes.verifier_key(self._origin, self._keyring.signing_key().public_key())

    def tail(self, count: int, kind: str | None = None) -> list[StoredEntry]:
        """Return the last `count` entries, of one kind if it is given, oldest first."""
        query = sa.select(audit_entry).order_by(audit_entry.c.seq.desc()).limit(count)
        if kind is not None:
            query = query.where(audit_entry.c.kind == kind)
        with self._database.read() as connection:
            return self._shown(connection, query)[::-1]

    def query(
        self, kind: str | None = None, actor: str | None = None, after: int | None = None, limit: int = 100
    ) -> list[StoredEntry]:
        """Return up to `limit` entries of a kind or actor behind place `after`, oldest first."""
        query = sa.select(audit_entry).order_by(audit_entry.c.seq).limit(limit)
        if kind is not None:
            query = query.where(audit_entry.c.kind == kind)
        if after is not None:
            query = query.where(audit_entry.c.seq > after)
        with self._database.read() as connection:
            if actor is not None:
                query = query.where(audit_entry.c.actor.in_(self.log_names(connection, actor)))
            return self._shown(connection, query)

    def head(self) -> tuple[int, int, str]:
        """Return how many entries there are, how many of them the newest checkpoint covers, and when it was made."""
        newest = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.at).order_by(_BY_SIZE).limit(1)
        with self._database.read() as connection:
            size: int = connection.execute(sa.select(audit_tree.c.size)).scalar() or 0
            found = connection.execute(newest).first()
        return (size, 0, "") if found is None else (size, found.size, found.at)

    def last_of(self, kind: str) -> StoredEntry | None:
        """Return the newest entry of a kind."""
        query = sa.select(audit_entry).where(audit_entry.c.kind == kind).order_by(audit_entry.c.seq.desc())
        with self._database.read() as connection:
            return next(iter(self._shown(connection, query.limit(1))), None)

    def newest(self, kinds: Sequence[str], count: int) -> list[StoredEntry]:
        """Return the last `count` entries of these kinds, newest first."""
        with self._database.read() as connection:
            return recent.newest(self, connection, kinds, count)

    def since(self, at: str, kinds: Sequence[str]) -> list[StoredEntry]:
        """Return the entries of these kinds that are no older than a time, oldest first; see `recent.since`."""
        with self._database.read() as connection:
            return self.told(connection, recent.since(connection, kinds, at))

    def spelled_since(self, at: str, kinds: Sequence[str], most: int | None = None) -> list[StoredEntry]:
        """Return what `since` does, people by the names that the log has for them: that takes far less time.

        With `most`, only the newest of them.
        """
        with self._database.read() as connection:
            return recent.as_stored(recent.since(connection, kinds, at, most))

    def speaking_of(self, ref: str) -> Iterator[StoredEntry]:
        """Yield every entry in which somebody is named, oldest first; it looks through the whole log."""
        plain, after = exact(ref), -1
        while True:
            query = sa.select(audit_entry).where(audit_entry.c.seq > after).order_by(audit_entry.c.seq)
            with self._database.read() as connection:
                words = [plain, *map(exact, self.log_names(connection, ref))]
                rows = connection.execute(query.limit(_ROWS_AT_ONCE)).all()
                named = [row for row in rows if any(word in row.body for word in words)]
                found = self.told(connection, named)
            yield from found
            if len(rows) < _ROWS_AT_ONCE:
                return
            after = rows[-1].seq

    def first_since(self, at: str) -> int:
        """Return the place of the first entry no older than a time, or the log's size; a look at few entries."""
        with self._database.read() as connection:
            return first_since(connection, _read_tree(connection)[0].size, at)

    def verify(self, *trusted: Checkpoint, seen: Collection[tuple[int, bytes]] = ()) -> Verification:
        """Walk the whole log and say in words what does not fit, also with checkpoints kept outside.

        `seen` are sizes and roots that a witness holds on to.
        """
        key = self._keyring.signing_key().public_key()
        with self._database.read() as connection:
            return verify_log(connection, self._origin, key, trusted, seen)

    def verify_part(self, start: Frontier, most: int) -> VerifiedPart:
        """Walk on from a tree that was verified before, over about `most` entries; see `verify_part`."""
        key = self._keyring.signing_key().public_key()
        with self._database.read() as connection:
            return verify_part(connection, self._origin, key, start, most)

    def export(self, folder: Path) -> Export:
        """Write the log up to a fresh checkpoint for the offline verifier; the same log gives the same bytes.

        Raises Conflict when `folder` already holds an export.
        """
        upto = self.checkpoint()
        with self._database.read() as connection:
            return write_export(connection, folder, upto, self.public_key())

    def _check(self, entries: Sequence[Entry]) -> None:
        if self._withheld and not all(entry.kind.startswith("audit.") for entry in entries):
            raise Unavailable(
                f"The required copy of the log {min(self._withheld)} is behind, so nothing was done.",
                fix="See `muniment audit sinks`; work goes on once it has caught up.",
            )

    def _commit(self, take: Callable[[], Sequence[Sequence[Prepared]]]) -> list[range]:
        began = time.perf_counter()
        with self._database.write() as connection:
            batches = take()
            given, people = self._disguised(connection, [entry for batch in batches for entry in batch])
            places = self._append(connection, given)
        COMMIT_SECONDS.observe(time.perf_counter() - began)
        BATCH.observe(len(places))
        if self._subjects is not None:
            self._subjects.committed(people)
            if self._subjects.is_behind:
                self._subjects.settle(self._database)
        ranges: list[range] = []
        start = places.start
        for batch in batches:
            ranges.append(range(start, start + len(batch)))
            start += len(batch)
        return ranges

    def _disguised(
        self, connection: sa.Connection, entries: Sequence[Prepared]
    ) -> tuple[Sequence[Prepared], Iterable[Subject]]:
        if self._subjects is None:
            return entries, ()
        return disguised(self._subjects, connection, entries)

    def log_names(self, connection: sa.Connection, actor: str) -> list[str]:
        """Return the names under which entries of an actor may be stored: older ones hold the plain one."""
        if actor.startswith(PSEUDONYM) and self._subjects:
            pseudonym = actor.removeprefix(PSEUDONYM)
            ref = self._subjects.names(connection, {pseudonym}).get(pseudonym)
            return [actor] if ref is None else [ref, actor]
        person = actor.startswith(PERSON) and self._subjects and self._subjects.find(connection, actor)
        return [actor, log_name(person.pseudonym)] if person else [actor]

    def _shown(self, connection: sa.Connection, query: sa.Select[*tuple[Any, ...]]) -> list[StoredEntry]:
        return self.told(connection, connection.execute(query).all())

    def told(self, connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[StoredEntry]:
        """Return rows of the log as the entries that they hold, with the names that may be known."""
        shown: list[StoredEntry] = []
        bodies = revealed(self._subjects, connection, [row.body for row in rows])
        for row, body in zip(rows, bodies, strict=True):
            about = cast("Mapping[str, Json]", body["about"])
            actor = str(body["actor"])
            shown.append(StoredEntry(row.seq, row.at, row.kind, actor, row.via, about, row.leaf_hash.hex()))
        return shown

    def _append(self, connection: sa.Connection, entries: Sequence[Prepared]) -> range:
        tree, last = _read_tree(connection)
        if not entries:
            return range(tree.size, tree.size)
        now = self._clock.now()
        at = timestamp(now)
        rows: list[dict[str, object]] = []
        for seq, entry in enumerate(entries, tree.size):
            body = entry.body(seq, at)
            columns = {"seq": seq, "at": at, "kind": entry.kind, "actor": entry.actor, "via": entry.via}
            rows.append({**columns, "body": body, "leaf_hash": leaf_hash(body)})
        _ADD.run(connection, rows)
        grown = tree.extend(cast(bytes, row["leaf_hash"]) for row in rows)
        _write_tree(connection, grown, first=tree.size == 0)
        if last is None or last.is_old(grown.size, now):
            self._add_checkpoint(connection, grown)
        return range(tree.size, grown.size)

    def _add_checkpoint(self, connection: sa.Connection, tree: Frontier) -> Checkpoint:
        made = notes.sign(self._origin, tree.size, tree.root(), self._keyring.signing_key())
        at = timestamp(self._clock.now())
        connection.execute(sa.insert(audit_checkpoint).values(size=made.size, at=at, text=made.text))
        return made


def _unwritable(error: Exception) -> Unavailable:
    fix = error.fix if isinstance(error, MunimentError) else ""
    return Unavailable(
        "The audit log cannot be written, so nothing was done.",
        fix=fix or "Free some disk space or mend the folder's permissions, then try again.",
        detail=f"{type(error).__name__}: {error}",
    )


# Statements of every request are made once: making one costs more than running it.
_BY_SIZE = audit_checkpoint.c.size.desc()
_NEWEST_TEXT = sa.select(audit_checkpoint.c.text).order_by(_BY_SIZE).limit(1)
_NEWEST = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.at).order_by(_BY_SIZE).limit(1).subquery()
_TREE = Worded(
    sa.select(audit_tree.c.size, audit_tree.c.frontier, _NEWEST.c.size, _NEWEST.c.at).outerjoin_from(
        audit_tree, _NEWEST, sa.true()
    )
)
_BEGIN_TREE = sa.insert(audit_tree)
_GROWN = ("size", "frontier", "root")
_GROW_TREE = Worded(sa.update(audit_tree).values({name: sa.bindparam(f"new_{name}") for name in _GROWN}))
_ADD = Worded(sa.insert(audit_entry))


@dataclass(frozen=True, slots=True)
class _Last:
    """The newest checkpoint: how many entries it covers, and when it was made."""

    size: int
    at: datetime

    def is_old(self, size: int, now: datetime) -> bool:
        """Return whether a log of so many entries is due for another one."""
        waited = (now - self.at).total_seconds()
        return size - self.size >= CHECKPOINT_ENTRIES or not 0 <= waited < CHECKPOINT_SECONDS


def _read_tree(connection: sa.Connection) -> tuple[Frontier, _Last | None]:
    rows = _TREE.rows(connection)
    if not rows:
        return Frontier(), None
    size, frontier, covered, at = rows[0]
    last = None if at is None else _Last(covered, datetime.fromisoformat(at))
    return Frontier.from_bytes(size, frontier), last


def _write_tree(connection: sa.Connection, tree: Frontier, first: bool) -> None:
    values = {"size": tree.size, "frontier": tree.to_bytes(), "root": tree.root()}
    if first:
        connection.execute(_BEGIN_TREE, {"id": 1, **values})
    else:
        _GROW_TREE.run(connection, [{f"new_{name}": value for name, value in values.items()}])
