"""What is counted of the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from muniment.foundation.telemetry.instruments import SHORT, Gauge, Histogram, Read, Reading
from muniment.governance.audit.tables import audit_checkpoint, audit_tree

COMMIT_SECONDS = Histogram(
    "muniment.audit.commit.duration", "How long commits of the log take.", unit="s", bounds=SHORT
)
BATCH = Histogram(
    "muniment.audit.batch",
    "Entries of one commit.",
    unit="{entry}",
    bounds=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
WAITING = Gauge("muniment.audit.waiting", "Entries that wait to be durable.", unit="{entry}")
_ENTRIES = Reading("muniment.audit.entries", "Entries of the log.", unit="{entry}")
_UNCOVERED = Reading(
    "muniment.audit.uncovered", "Entries that no checkpoint covers yet.", unit="{entry}", merge="max"
)
_CHECKPOINT_AGE = Reading(
    "muniment.audit.checkpoint.age", "Seconds since the newest checkpoint.", unit="s", merge="max"
)


def read(connection: sa.Connection, now: datetime) -> Iterator[Read]:
    """Yield what the log itself tells."""
    size = connection.execute(sa.select(audit_tree.c.size)).scalar() or 0
    yield _ENTRIES.at(size)
    newest = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.at).order_by(
        audit_checkpoint.c.size.desc()
    )
    found = connection.execute(newest.limit(1)).first()
    yield _UNCOVERED.at(size - (found.size if found else 0))
    if found is not None:
        yield _CHECKPOINT_AGE.at((now - datetime.fromisoformat(found.at)).total_seconds())
