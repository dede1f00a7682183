"""Looks at the log by kind and place, inside the caller's snapshot; each is served by an index.

A time is found by halving, an hour early: a clock that was set back by less than that hides no entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Json, StoredEntry
from muniment.governance.audit.places import first_since
from muniment.governance.audit.query import Tells
from muniment.governance.audit.tables import audit_entry, audit_tree

_SEQ = audit_entry.c.seq
_EARLIER = timedelta(hours=1)


def newest(log: Tells, connection: sa.Connection, kinds: Sequence[str], limit: int) -> list[StoredEntry]:
    """Return up to `limit` entries of these kinds, newest first."""
    return log.told(connection, newest_rows(connection, kinds, limit))


def newest_rows(connection: sa.Connection, kinds: Sequence[str], limit: int) -> Sequence[sa.Row[Any]]:
    """Return the rows of up to `limit` entries of these kinds, newest first."""
    # Of several kinds at once, a database sorts all that there ever were.
    places = [
        place
        for kind in kinds
        for place in connection.execute(
            sa.select(_SEQ).where(audit_entry.c.kind == kind).order_by(_SEQ.desc()).limit(limit)
        ).scalars()
    ]
    if not places:
        return ()
    first = sorted(places)[-limit:][0]
    query = sa.select(audit_entry).where(audit_entry.c.kind.in_(kinds), first <= _SEQ)
    return connection.execute(query.order_by(_SEQ.desc())).all()


def between(
    log: Tells, connection: sa.Connection, kind: str, after: int, before: int, limit: int
) -> list[StoredEntry]:
    """Return up to `limit` entries of a kind between two places of the log, oldest first."""
    mine = sa.and_(audit_entry.c.kind == kind, after < _SEQ, before > _SEQ)
    query = sa.select(audit_entry).where(mine).order_by(_SEQ).limit(limit)
    return log.told(connection, connection.execute(query).all())


def count_after(connection: sa.Connection, kind: str, after: int) -> int:
    """Return how many entries of a kind there are behind a place."""
    query = sa.select(sa.func.count()).where(audit_entry.c.kind == kind, after < _SEQ)
    return int(connection.execute(query).scalar_one())


def since(
    connection: sa.Connection, kinds: Sequence[str], at: str, most: int | None = None
) -> Sequence[sa.Row[Any]]:
    """Return the rows of these kinds that are no older than a time, oldest first; with `most`, the newest of them."""
    mine = sa.and_(audit_entry.c.kind.in_(kinds), _place(connection, at) <= _SEQ, audit_entry.c.at >= at)
    query = sa.select(audit_entry).where(mine)
    if most is None:
        return connection.execute(query.order_by(_SEQ)).all()
    return connection.execute(query.order_by(_SEQ.desc()).limit(most)).all()[::-1]


def as_stored(rows: Sequence[sa.Row[Any]]) -> list[StoredEntry]:
    """Return rows as the entries that they hold, people by the names that the log has for them."""
    found: list[StoredEntry] = []
    for row in rows:
        about = cast("Mapping[str, Json]", json.loads(row.body)["about"])
        found.append(StoredEntry(row.seq, row.at, row.kind, row.actor, row.via, about, row.leaf_hash.hex()))
    return found


def time_behind(
    connection: sa.Connection, kinds: Sequence[str], after: str, until: str, most: int
) -> str | None:
    """Return when the first entry of these kinds was made that the newest `most` of a time leave out, or None."""
    mine = sa.and_(
        audit_entry.c.kind.in_(kinds),
        _place(connection, after) <= _SEQ,
        audit_entry.c.at > after,
        audit_entry.c.at <= until,
    )
    query = sa.select(audit_entry.c.at).where(mine).order_by(_SEQ.desc()).offset(most).limit(1)
    return connection.execute(query).scalar()


def _place(connection: sa.Connection, at: str) -> int:
    """Return a place before which no entry of this time or a later one is looked for."""
    if not at:
        return 0
    size = connection.execute(sa.select(audit_tree.c.size)).scalar() or 0
    return first_since(connection, size, timestamp(datetime.fromisoformat(at) - _EARLIER))
