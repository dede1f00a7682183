"""What outside sources say that our accounts hold there, and how long that may be relied on.

Invariants:
- an entry counts while its source's lease runs, and not a moment longer: then nobody holds anything of that source;
- a lease is only what was read to the end, counted from when that reading began; one that begins in the future is
  none;
- an entry that is ours (`group:NAME`) is held through the source only by whoever holds it here now.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.database import metadata, moment

KIND = "outside"
"""How an access list spells an entry of a source: `outside:SOURCE:ENTRY`."""
SKEW_SECONDS = 60.0
"""How far a lease may begin ahead of the clock, which may have been set back since."""

outside_lease = sa.Table(
    "outside_lease",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("as_of", sa.Float, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)
outside_entry = sa.Table(
    "outside_entry",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("entry", sa.Text, primary_key=True),
    sa.Index("outside_entry_source", "source", "entry"),
)
outside_ours = sa.Table(
    "outside_ours",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("entry", sa.Text, primary_key=True),
    sa.Column("clauses", sa.Text, nullable=False),
)

_PART = 500
"""Names in one statement."""

_LEASES = sa.select(outside_lease.c.source, outside_lease.c.as_of, outside_lease.c.until)
_HELD = sa.select(outside_entry.c.source, outside_entry.c.entry).where(
    outside_entry.c.principal == sa.bindparam("ref")
)
_OURS = sa.select(outside_ours.c.source, outside_ours.c.entry, outside_ours.c.clauses)


@dataclass(frozen=True, slots=True)
class Lease:
    """How long what a source says may be relied on, in seconds since 1970."""

    as_of: float
    """When the reading began that it stands on."""
    until: float

    def runs(self, now: float) -> bool:
        """Return whether it may be relied on now."""
        return self.as_of <= now + SKEW_SECONDS and now < self.until


def spelled(source: str, entry: str) -> str:
    """Return how an access list names what somebody holds at a source."""
    return f"{KIND}:{source}:{entry}"


def leases(connection: sa.Connection) -> dict[str, Lease]:
    """Return the lease of each source that has one, running or not."""
    return {row.source: Lease(row.as_of, row.until) for row in connection.execute(_LEASES)}


def held_outside(connection: sa.Connection, ref: str, held: Collection[str]) -> frozenset[str]:
    """Return what a principal holds at sources whose lease runs, given what it holds here."""
    running = _running(connection)
    if not running:
        return frozenset()
    rows = connection.execute(_HELD, {"ref": ref})
    there = {(row.source, row.entry) for row in rows if row.source in running}
    return _spelled(there, _ours_of(connection, running), held)


class HeldOutside:
    """What everybody holds at sources whose lease runs, as of one snapshot."""

    def __init__(self, connection: sa.Connection) -> None:
        running = _running(connection)
        self._there: dict[str, set[tuple[str, str]]] = {}
        self._ours: list[tuple[str, str, str]] = []
        if running:
            self._ours = _ours_of(connection, running)
            query = sa.select(outside_entry).where(outside_entry.c.source.in_(sorted(running)))
            for row in connection.execute(query):
                self._there.setdefault(row.principal, set()).add((row.source, row.entry))

    def of(self, ref: str, held: Collection[str]) -> frozenset[str]:
        """Return what `held_outside` would."""
        return _spelled(self._there.get(ref, set()), self._ours, held)


def _running(connection: sa.Connection) -> frozenset[str]:
    found = leases(connection)
    if not found:
        return frozenset()
    now = moment(connection).timestamp()
    return frozenset(source for source, lease in found.items() if lease.runs(now))


def _ours_of(connection: sa.Connection, running: Collection[str]) -> list[tuple[str, str, str]]:
    rows = connection.execute(_OURS)
    return [(row.source, row.entry, row.clauses) for row in rows if row.source in running]


def _spelled(
    there: set[tuple[str, str]], ours: list[tuple[str, str, str]], held: Collection[str]
) -> frozenset[str]:
    met = {(source, entry) for source, entry, clauses in ours if _all_met(source, clauses, there, held)}
    return frozenset(spelled(*one) for one in there | met)


def _all_met(source: str, clauses: str, there: Collection[tuple[str, str]], held: Collection[str]) -> bool:
    """Return whether of each clause something is held: of ours under its own name, of theirs as an entry."""
    try:
        stated = json.loads(clauses)
        return bool(stated) and all(
            any(one in held if _is_ours(one) else (source, one) in there for one in clause)
            for clause in stated
        )
    except (ValueError, TypeError):
        return False


def _is_ours(entry: str) -> bool:
    return entry.partition(":")[0] in ("user", "group", "service")


def renew(connection: sa.Connection, source: str, lease: Lease) -> None:
    """Let a source be relied on anew, after its access was read to the end."""
    connection.execute(sa.delete(outside_lease).where(outside_lease.c.source == source))
    values = {"source": source, "as_of": lease.as_of, "until": lease.until}
    connection.execute(sa.insert(outside_lease).values(values))


def put_entries(connection: sa.Connection, source: str, holders: Mapping[str, Collection[str]]) -> int:
    """Make what accounts hold at a source equal to `holders`, entries by principal; return how many rows moved."""
    query = sa.select(outside_entry.c.principal, outside_entry.c.entry).where(
        outside_entry.c.source == source
    )
    known = {(row.principal, row.entry) for row in connection.execute(query)}
    wanted = {(ref, entry) for ref, entries in holders.items() for entry in entries}
    gone, new = known - wanted, wanted - known
    if gone:
        here = sa.and_(
            outside_entry.c.source == source,
            outside_entry.c.principal == sa.bindparam("of"),
            outside_entry.c.entry == sa.bindparam("named"),
        )
        rows = [{"of": ref, "named": entry} for ref, entry in sorted(gone)]
        connection.execute(sa.delete(outside_entry).where(here), rows)
    if new:
        rows = [{"principal": ref, "source": source, "entry": entry} for ref, entry in sorted(new)]
        connection.execute(sa.insert(outside_entry), rows)
    if gone or new:
        revisions.bump(connection, "access")
    return len(gone) + len(new)


def add_entries(connection: sa.Connection, source: str, holders: Mapping[str, Collection[str]]) -> None:
    """Let accounts hold these entries at a source beside what they hold, entries by principal."""
    named = sorted({entry for entries in holders.values() for entry in entries})
    known: set[tuple[str, str]] = set()
    for start in range(0, len(named), _PART):
        query = sa.select(outside_entry.c.principal, outside_entry.c.entry).where(
            outside_entry.c.source == source, outside_entry.c.entry.in_(named[start : start + _PART])
        )
        known |= {(row.principal, row.entry) for row in connection.execute(query)}
    new = {(ref, entry) for ref, entries in holders.items() for entry in entries} - known
    if new:
        rows = [{"principal": ref, "source": source, "entry": entry} for ref, entry in sorted(new)]
        connection.execute(sa.insert(outside_entry), rows)
        revisions.bump(connection, "access")


def add_ours(connection: sa.Connection, source: str, stated: Mapping[str, Sequence[Collection[str]]]) -> None:
    """State entries as `put_ours` does, beside those that are stated."""
    if not stated:
        return
    query = sa.select(outside_ours.c.entry, outside_ours.c.clauses).where(outside_ours.c.source == source)
    known = {row.entry: json.loads(row.clauses) for row in connection.execute(query)}
    put_ours(connection, source, {**known, **stated})


def put_ours(connection: sa.Connection, source: str, stated: Mapping[str, Sequence[Collection[str]]]) -> None:
    """State which entries of a source stand for accounts and groups of ours.

    Each goes with its clauses, of each of which something must be held.
    """
    query = sa.select(outside_ours.c.entry, outside_ours.c.clauses).where(outside_ours.c.source == source)
    known = {row.entry: row.clauses for row in connection.execute(query)}
    wanted = {entry: json.dumps([sorted(clause) for clause in clauses]) for entry, clauses in stated.items()}
    if known == wanted:
        return
    connection.execute(sa.delete(outside_ours).where(outside_ours.c.source == source))
    rows = [{"source": source, "entry": entry, "clauses": said} for entry, said in sorted(wanted.items())]
    if rows:
        connection.execute(sa.insert(outside_ours), rows)
    revisions.bump(connection, "access")


def suspend(connection: sa.Connection, source: str) -> None:
    """Rely on a source no more, until its lease is renewed."""
    connection.execute(sa.delete(outside_lease).where(outside_lease.c.source == source))
    revisions.bump(connection, "access")


def forget(connection: sa.Connection, source: str) -> None:
    """Forget a source: nobody holds anything of it any more."""
    for table in (outside_lease, outside_entry, outside_ours):
        connection.execute(sa.delete(table).where(table.c.source == source))
    revisions.bump(connection, "access")
