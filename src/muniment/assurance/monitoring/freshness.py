"""How old content and access data of each source are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from muniment.foundation.clock import Clock
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


def source_ages(
    connection: sa.Connection, now: datetime, old: timedelta, failed: Mapping[str, int] | None = None
) -> list[SourceAge]:
    """Return how old what comes from each source is."""
    query = sa.select(document.c.source, document.c.modified_at, document.c.changed_at)
    ages: dict[str, list[float]] = {}
    for row in connection.execute(query.where(document.c.state == "live")):
        ages.setdefault(row.source, []).append(_days(row.modified_at or row.changed_at, now))
    return [
        _age(row, sorted(ages.get(row.name, ())), now, old, (failed or {}).get(row.name))
        for row in library.sources(connection)
    ]


def _age(
    row: library.SourceRow, ages: Sequence[float], now: datetime, old: timedelta, failed: int | None
) -> SourceAge:
    return SourceAge(
        source=row.name,
        documents=len(ages),
        median=ages[len(ages) // 2] if ages else None,
        oldest=ages[-1] if ages else None,
        old=sum(age > old.total_seconds() / 86400 for age in ages),
        read=_days(row.synced_at, now) if row.synced_at else None,
        failed=failed,
    )


def _days(at: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(at)).total_seconds() / 86400)


def _short(days: float | None) -> float | None:
    return None if days is None else round(days, 3)
