"""How old content and access data of each source are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.knowledge import library
from muniment.knowledge.tables import document, source


@dataclass(frozen=True, slots=True)
class SourceAge:
    """One source, in days."""

    source: str
    documents: int
    median: float | None
    """Of the ages of its documents, by when their content was changed there."""
    oldest: float | None
    old: int
    """Documents past the age that was asked for."""
    read: float | None
    """Since its content and access lists were read whole; None where they never were."""
    failed: int | None = None
    """Files that could not be read the last time; None where that is not known."""

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "source": self.source,
            "documents": self.documents,
            "median_days": _short(self.median),
            "oldest_days": _short(self.oldest),
            "old": self.old,
            "read_days_ago": _short(self.read),
            "failed_files": self.failed,
        }


class Freshness:
    """Tells how old what one workspace knows is."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def of(self, old: timedelta, by: Actor) -> list[SourceAge]:
        """Return each source, by name; for whoever can open the keys."""
        with self._database.read() as connection:
            found = source_ages(connection, self._clock.now(), old, self._failures(connection))
        self._audit.record([Entry("monitoring.read", by, {"what": "freshness", "sources": len(found)})])
        return found

    def _failures(self, connection: sa.Connection) -> Mapping[str, int]:
        """Return how many files failed when each source was last read whole."""
        first = connection.execute(sa.select(sa.func.min(source.c.synced_at))).scalar()
        if first is None:
            return {}
        ended = self._audit.since(first, ["ingest.finished"])
        return {str(one.about["source"]): int(str(one.about["failed"])) for one in ended}


_WHEN = sa.case((document.c.modified_at != "", document.c.modified_at), else_=document.c.changed_at)
"""When a document was written, as far as its source says."""


def source_ages(
    connection: sa.Connection, now: datetime, old: timedelta, failed: Mapping[str, int] | None = None
) -> list[SourceAge]:
    """Return how old what comes from each source is: told by the database, which need not hand over a document."""
    # Times are stored to the millisecond: what is older than that much is what lies before the next whole one.
    before = timestamp(now - old + timedelta(microseconds=999))
    mine = document.c.state == "live"
    counts = sa.select(
        document.c.source,
        sa.func.count().label("number"),
        sa.func.min(_WHEN).label("oldest"),
        sa.func.sum(sa.case((before > _WHEN, 1), else_=0)).label("old"),
    )
    held = {row.source: row for row in connection.execute(counts.where(mine).group_by(document.c.source))}
    found: list[SourceAge] = []
    for row in library.sources(connection):
        has = held.get(row.name)
        middle: str | None = None
        if has is not None:
            newest = sa.select(_WHEN).where(mine, document.c.source == row.name).order_by(_WHEN.desc())
            middle = connection.execute(newest.offset(has.number // 2).limit(1)).scalar()
        found.append(
            SourceAge(
                source=row.name,
                documents=has.number if has else 0,
                median=_days(middle, now) if middle else None,
                oldest=_days(has.oldest, now) if has else None,
                old=int(has.old) if has else 0,
                read=_days(row.synced_at, now) if row.synced_at else None,
                failed=(failed or {}).get(row.name),
            )
        )
    return found


def _days(at: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(at)).total_seconds() / 86400)


def _short(days: float | None) -> float | None:
    return None if days is None else round(days, 3)
