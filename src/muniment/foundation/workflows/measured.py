"""What is counted of workflows."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from muniment.foundation.telemetry.instruments import Read, Reading
from muniment.foundation.telemetry.labels import Label

_STATES = {"ENQUEUED": "queued", "DELAYED": "delayed", "PENDING": "running"}
_UNFINISHED = Reading(
    "muniment.workflows.unfinished",
    "Runs of workflows that have not ended.",
    Label("muniment.workflow.state", *_STATES.values()),
    unit="{run}",
)
COUNTED = """SELECT status, COUNT(*) AS runs FROM {schema}workflow_status
WHERE status IN ('PENDING', 'ENQUEUED', 'DELAYED') GROUP BY status"""


def read(connection: sa.Connection, counted: sa.TextClause) -> Iterator[Read]:
    """Yield how many runs there are in each state, as COUNTED finds them."""
    found = {row.status: row.runs for row in connection.execute(counted)}
    for status, state in _STATES.items():
        yield _UNFINISHED.at(found.get(status, 0), state)
