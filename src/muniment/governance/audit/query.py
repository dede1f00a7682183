"""Finding entries of the log: by kind, actor, time, and what they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import sqlalchemy as sa

from muniment.foundation.canonical import exact
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json, StoredEntry
from muniment.governance.audit.outcome import holds
from muniment.governance.audit.places import first_since
from muniment.governance.audit.tables import audit_entry

MOST = 1000
"""Entries of one page."""
_ROWS_AT_ONCE = 1000
_WINDOW = 50_000
_LOOKED_AT = 500_000
"""Entries that one page is looked for among."""
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Filter:
    """What an entry must be; empty: any."""

    kind: str = ""
    """The whole kind, or its beginning with a `*` at the end, such as `retrieval.*`."""
    actor: str = ""
    since: str = ""
    """A time in RFC 3339, UTC: no older than that."""
    until: str = ""
    """Older than that."""
    about: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields that it states, each with its value as it is written."""

    def stated(self) -> dict[str, Json]:
        """Return what was asked for, for the log; of fields their names alone."""
        found: dict[str, Json] = {
            name: value
            for name in ("kind", "actor", "since", "until")
            if (value := cast(str, getattr(self, name)))
        }
        return found | ({"fields": sorted(self.about)} if self.about else {})


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, oldest first."""

    entries: tuple[StoredEntry, ...]
    after: int | None
    """Where the next page begins; None where nothing is left. A page may be short, or empty, and have a next."""


class Tells(Protocol):
    """The part of the log that knows who is who."""

    def told(self, connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[StoredEntry]:
        """Return rows of the log as the entries that they hold, with the names that may be known."""
        ...

    def log_names(self, connection: sa.Connection, actor: str) -> list[str]:
        """Return the names under which entries of somebody may be stored."""
        ...


def find(log: Tells, connection: sa.Connection, wanted: Filter, after: int | None, limit: int) -> Page:
    """Return up to `limit` entries behind place `after`, looked for among a bounded number."""
    query = _narrowed(log, connection, wanted).order_by(audit_entry.c.seq).limit(_ROWS_AT_ONCE)
    last = connection.execute(sa.select(sa.func.max(audit_entry.c.seq))).scalar()
    found: list[StoredEntry] = []
    behind = -1 if after is None else after
    edge = behind + _LOOKED_AT
    while last is not None and behind < min(edge, last):
        end = min(edge, last, behind + _WINDOW)
        rows = connection.execute(query.where(audit_entry.c.seq > behind, audit_entry.c.seq <= end)).all()
        for entry in log.told(connection, rows):
            if all(_states(entry.about, name, value) for name, value in wanted.about.items()):
                found.append(entry)
                if len(found) == limit:
                    return Page(tuple(found), entry.seq if entry.seq < last else None)
        behind = rows[-1].seq if len(rows) == _ROWS_AT_ONCE else end
    return Page(tuple(found), behind if last is not None and behind < last else None)


def naming(
    log: Tells, connection: sa.Connection, named: str, kinds: Sequence[str], since: str, until: str
) -> list[StoredEntry]:
    """Return the entries of some kinds that name an id within a stretch of time, oldest first, at most `MOST`."""
    size = (connection.execute(sa.select(sa.func.max(audit_entry.c.seq))).scalar() or 0) + 1
    first, end = (first_since(connection, size, at) for at in (since, until))
    query = (
        sa.select(audit_entry)
        .where(audit_entry.c.seq >= first, audit_entry.c.seq < end, audit_entry.c.kind.in_(kinds))
        .where(holds(exact(named), connection.dialect.name))
        .order_by(audit_entry.c.seq)
        .limit(MOST)
    )
    return log.told(connection, connection.execute(query).all())


def _narrowed(log: Tells, connection: sa.Connection, wanted: Filter) -> sa.Select[tuple[object, ...]]:
    query, columns = sa.select(audit_entry), audit_entry.c
    if wanted.kind.endswith("*"):
        begins = wanted.kind[:-1]
        query = query.where(columns.kind >= begins, columns.kind < begins + _LAST)
    elif wanted.kind:
        query = query.where(columns.kind == wanted.kind)
    if wanted.actor:
        query = query.where(columns.actor.in_(log.log_names(connection, wanted.actor)))
    if wanted.since:
        query = query.where(columns.at >= wanted.since)
    if wanted.until:
        query = query.where(columns.at < wanted.until)
    for name, value in wanted.about.items():
        # Leaves out most rows before they are read; of the rest each field is looked at.
        meant = (*_meant(value), *log.log_names(connection, value))
        dialect = connection.dialect.name
        query = query.where(sa.or_(*(holds(exact({name: one})[1:-1], dialect) for one in meant)))
    return query


def _meant(value: str) -> tuple[Json, ...]:
    """Return what a written value may stand for: itself, or the number, true, false or null that it spells."""
    try:
        spelled = json.loads(value)
        exact(spelled)
    except (ValueError, BadInput, RecursionError):
        return (value,)
    return (value,) if isinstance(spelled, str | list | dict) else (value, spelled)


def _states(about: Mapping[str, Json], name: str, value: str) -> bool:
    # `True == 1` for Python, not for the log.
    return name in about and any(
        type(about[name]) is type(one) and about[name] == one for one in _meant(value)
    )
