"""What is counted of documents, sources and their access."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from muniment.foundation.telemetry.instruments import SHORT, Histogram, Read, Reading
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.tracing import Attribute
from muniment.knowledge.tables import NO_SOURCE, index_model, segment, source

PASSAGES = Attribute("muniment.passages")
REVOCATION_LAG = Histogram(
    "muniment.revocation.lag",
    "How long the first request after a change of access waited until the index showed that change.",
    unit="s",
    bounds=SHORT,
)
SOURCE = Label("muniment.source", most=50)
"""The name of a source; admitted before something is said of it."""
_FEED_AGE = Reading(
    "muniment.source.feed.age",
    "Seconds since documents and access lists of a source were read whole.",
    SOURCE,
    unit="s",
    merge="max",
)
_BACKLOG = Reading(
    "muniment.ingest.backlog", "Rows of the index that wait for vectors of the model in use.", unit="{row}"
)


def read(connection: sa.Connection, now: datetime) -> Iterator[Read]:
    """Yield what the documents themselves tell."""
    named = sa.select(source.c.name, source.c.created_at, source.c.synced_at)
    rows = connection.execute(named.where(source.c.name != NO_SOURCE)).all()
    SOURCE.admit(row.name for row in rows)
    for row in rows:
        since = datetime.fromisoformat(row.synced_at or row.created_at)
        yield _FEED_AGE.at((now - since).total_seconds(), row.name)
    live = connection.execute(sa.select(index_model.c.digest).where(index_model.c.state == "live")).scalar()
    waiting = sa.select(sa.func.sum(segment.c.rows)).where(segment.c.model == "")
    yield _BACKLOG.at((connection.execute(waiting).scalar() or 0) if live else 0)
