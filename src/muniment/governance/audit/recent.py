"""Looks at the log by kind and place, inside the caller's snapshot; each is served by an index."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from muniment.governance.audit.entry import StoredEntry
from muniment.governance.audit.query import Tells
from muniment.governance.audit.tables import audit_entry

_SEQ = audit_entry.c.seq


def newest(log: Tells, connection: sa.Connection, kinds: Sequence[str], limit: int) -> list[StoredEntry]:
    """Return up to `limit` entries of these kinds, newest first."""
    query = sa.select(audit_entry).where(audit_entry.c.kind.in_(kinds)).order_by(_SEQ.desc()).limit(limit)
    return log.told(connection, connection.execute(query).all())


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
