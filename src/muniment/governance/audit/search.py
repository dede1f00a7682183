"""Looking for entries from the newest back, and how many of them came out how over time; nothing is read whole.

A page is looked for among a bounded number of entries, and says where it stopped. Times are found by halving, since
the log grows with the clock: where the clock was set back, an entry may lie outside the time that it states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from muniment.foundation.canonical import exact
from muniment.foundation.errors import NotFound
from muniment.governance.audit.entry import Json, StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.outcome import OUTCOMES, Outcome, holds, outcome_column, outcome_of
from muniment.governance.audit.places import first_since
from muniment.governance.audit.tables import audit_checkpoint, audit_entry, audit_tree

LOOKED_AT = 20_000
"""Entries that are read for one page where nothing but reading them tells."""
_BY_INDEX = 500_000
_FEW = 1_000
"""Entries of somebody up to which looking at all of them beats looking at all of a kind."""
COUNTED = 10_000
"""Entries that are counted over time: the newest of those wanted."""
MOST_BARS = 48
_LAST = "\U0010ffff"
_STEPS = (
    (16, timedelta(minutes=1)),
    (15, timedelta(minutes=10)),
    (13, timedelta(hours=1)),
    (10, timedelta(days=1)),
    (7, timedelta(days=31)),
)
"""Characters of a time that name a bar, and how long it is at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What entries must be; empty: any."""

    kind: str = ""
    """The whole kind, or its beginning with a `*` at the end."""
    outcome: str = ""
    by: str = ""
    """Who caused them: an account, `operator`, or a pseudonym as the log spells it."""
    names: str = ""
    """An id, or an account, that they name in any place."""
    since: str = ""
    """A time in RFC 3339, UTC: no older than that."""
    until: str = ""
    """Older than that."""

    def stated(self) -> dict[str, Json]:
        """Return what was asked for, for the log."""
        asked = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, and how it came out."""

    entry: StoredEntry
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Bar:
    """How many entries of one stretch of time came out how."""

    at: str
    """Its beginning, RFC 3339."""
    until: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, newest first."""

    asked: Wanted
    """What was asked for, people by the names that may be known."""
    entries: tuple[Told, ...]
    before: int | None
    """Where the next page begins; None where nothing is left. A page may be short, or empty, and have a next."""
    bars: tuple[Bar, ...]
    counted: int
    """Entries that the bars were counted among, from the newest back."""
    all_counted: bool
    kinds: tuple[str, ...]
    """Those that the log holds."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One entry with all that it holds, and its place in the tree."""

    told: Told
    by: str
    """Who caused it, as the log spells it."""
    body: str
    """Its canonical JSON, exactly as it was hashed."""
    before: str
    """Hex leaf hash of the entry before; empty for none."""
    after: str
    covered: int
    """Size of the first checkpoint that covers it; 0 for none yet."""


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for entries of one log, in the caller's transaction."""

    audit: AuditLog

    def page(self, connection: sa.Connection, wanted: Wanted, before: int | None, limit: int) -> Found:
        """Return up to `limit` entries in front of place `before`, and the bars of all that are wanted."""
        low, high = self._range(connection, wanted)
        entries, left = self._page(
            connection, wanted, low, high if before is None else min(high, before), limit
        )
        floor = max(low, high - COUNTED)
        bars = self._bars(connection, wanted, floor, high)
        asked = replace(
            wanted,
            by=self._account(connection, wanted.by),
            names=self._account(connection, wanted.names),
        )
        return Found(asked, entries, left, bars, high - floor, floor == low, self._kinds(connection))

    def _account(self, connection: sa.Connection, name: str) -> str:
        return self.audit.log_names(connection, name)[0]

    def one(self, connection: sa.Connection, seq: int) -> Whole:
        """Return the entry at a place; raises NotFound."""
        columns = audit_entry.c
        near = sa.select(audit_entry).where(columns.seq >= seq - 1, columns.seq <= seq + 1)
        rows = {row.seq: row for row in connection.execute(near)}
        if seq not in rows:
            raise NotFound("There is no such entry.", fix="Give the number of one that the log holds.")
        (entry,) = self.audit.told(connection, [rows[seq]])
        row, sizes = rows[seq], audit_checkpoint.c.size
        covered = connection.execute(sa.select(sa.func.min(sizes)).where(sizes > seq)).scalar() or 0
        before, after = (rows[at].leaf_hash.hex() if at in rows else "" for at in (seq - 1, seq + 1))
        told = Told(entry, outcome_of(row.kind, row.body))
        return Whole(told, row.actor, row.body.decode(), before, after, covered)

    def _kinds(self, connection: sa.Connection) -> tuple[str, ...]:
        """Return the kinds, each found by a step along the index."""
        found: list[str] = []
        while True:
            least = sa.select(sa.func.min(audit_entry.c.kind))
            kind = connection.execute(
                least.where(audit_entry.c.kind > found[-1]) if found else least
            ).scalar()
            if kind is None:
                return tuple(found)
            found.append(kind)

    def _range(self, connection: sa.Connection, wanted: Wanted) -> tuple[int, int]:
        """Return the first place that is wanted, and the one behind the last."""
        size = connection.execute(sa.select(audit_tree.c.size)).scalar() or 0
        low = first_since(connection, size, wanted.since) if wanted.since else 0
        return low, first_since(connection, size, wanted.until) if wanted.until else size

    def _page(
        self, connection: sa.Connection, wanted: Wanted, low: int, high: int, limit: int
    ) -> tuple[tuple[Told, ...], int | None]:
        floor = max(low, high - (LOOKED_AT if wanted.outcome or wanted.names else _BY_INDEX))
        few = bool(wanted.by and wanted.kind) and self._did_little(connection, wanted.by, floor, high)
        query = self._narrowed(connection, sa.select(audit_entry), wanted, few)
        query = query.order_by(audit_entry.c.seq.desc())
        rows: list[sa.Row[Any]] = []
        while high > floor and len(rows) <= limit:
            below = max(floor, high - LOOKED_AT)
            near = query.where(audit_entry.c.seq >= below, audit_entry.c.seq < high)
            rows += connection.execute(near.limit(limit + 1 - len(rows))).all()
            high = below
        more = len(rows) > limit
        rows = rows[:limit]
        entries = self.audit.told(connection, rows)
        told = tuple(
            Told(entry, outcome_of(row.kind, row.body)) for entry, row in zip(entries, rows, strict=True)
        )
        if more:
            return told, rows[-1].seq
        return told, floor if floor > low else None

    def _did_little(self, connection: sa.Connection, by: str, low: int, high: int) -> bool:
        """Return whether few entries between two places are somebody's."""
        columns = audit_entry.c
        theirs = columns.actor.in_(self.audit.log_names(connection, by))
        some = sa.select(columns.seq).where(theirs, columns.seq >= low, columns.seq < high).limit(_FEW + 1)
        counted = sa.select(sa.func.count()).select_from(some.subquery())
        return int(connection.execute(counted).scalar_one()) <= _FEW

    def _bars(self, connection: sa.Connection, wanted: Wanted, low: int, high: int) -> tuple[Bar, ...]:
        """Count those that are wanted between two places, by time and outcome."""
        if high <= low:
            return ()
        times = sa.select(audit_entry.c.at).where(audit_entry.c.seq.in_((low, high - 1)))
        ends = sorted(connection.execute(times.order_by(audit_entry.c.seq)).scalars())
        if not ends:
            return ()
        length, _ = _step(ends[0], ends[-1])
        came = outcome_column(connection.dialect.name)
        at = sa.func.substr(audit_entry.c.at, 1, length)
        counting = sa.select(at.label("at"), came.label("came"), sa.func.count().label("many"))
        counting = self._narrowed(connection, counting, wanted)
        counting = counting.where(audit_entry.c.seq >= low, audit_entry.c.seq < high)
        counts: dict[str, dict[str, int]] = {}
        for row in connection.execute(counting.group_by(sa.text("1"), sa.text("2"))):
            counts.setdefault(row.at, dict.fromkeys(OUTCOMES, 0))[row.came] = row.many
        if not counts:
            return ()
        return tuple(_filled(length, ends[0], ends[-1], counts))

    def _narrowed(
        self,
        connection: sa.Connection,
        query: sa.Select[*tuple[Any, ...]],
        wanted: Wanted,
        few: bool = False,
    ) -> sa.Select[*tuple[Any, ...]]:
        """Return a query for what is wanted alone; `few`: whoever caused it did little else."""
        columns, dialect = audit_entry.c, connection.dialect.name
        # A kind that is worked out is not looked up, so that the index of who caused entries serves.
        of_kind = columns.kind.concat("") if few else columns.kind
        if wanted.kind.endswith("*"):
            begins = wanted.kind[:-1]
            query = query.where(of_kind >= begins, of_kind < begins + _LAST)
        elif wanted.kind:
            query = query.where(of_kind == wanted.kind)
        if wanted.by:
            query = query.where(columns.actor.in_(self.audit.log_names(connection, wanted.by)))
        if wanted.outcome:
            query = query.where(outcome_column(dialect) == wanted.outcome)
        if wanted.names:
            # An id stands as a whole string, or behind the kind of a resource.
            spelled = [exact(one) for one in self.audit.log_names(connection, wanted.names)]
            spelled.append(b":" + exact(wanted.names)[1:])
            query = query.where(sa.or_(*(holds(one, dialect) for one in spelled)))
        return query


def _step(first: str, last: str) -> tuple[int, timedelta]:
    lasted = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    return next((one for one in _STEPS if lasted <= one[1] * (MOST_BARS - 2)), _STEPS[-1])


def _filled(length: int, first: str, last: str, counts: Mapping[str, Mapping[str, int]]) -> Sequence[Bar]:
    """Return a bar for each stretch, those without an entry too."""
    none: Mapping[str, int] = dict.fromkeys(OUTCOMES, 0)
    names = [_begin(first, length)]
    while names[-1][:length] < last[:length] and len(names) < 2 * MOST_BARS:
        names.append(_next(names[-1], length))
    # Where the clock was set back, entries lie outside; they are counted too.
    names = sorted({*names, *(_begin(name, length) for name in counts)})
    return [Bar(name, _next(name, length), counts.get(name[:length], none)) for name in names]


def _begin(at: str, length: int) -> str:
    return at[:length] + "0001-01-01T00:00:00.000Z"[length:]


def _next(begin: str, length: int) -> str:
    step = next(step for size, step in _STEPS if size == length)
    at = datetime.fromisoformat(begin) + step
    behind = at.replace(day=1) if length == _STEPS[-1][0] else at
    return behind.strftime("%Y-%m-%dT%H:%M:%S.000Z")
