"""Finding the place of a time in the log."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.governance.audit.tables import audit_entry


def first_since(connection: sa.Connection, size: int, at: str) -> int:
    """Return the place of the first entry no older than a time, or the log's size; a look at few entries."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(sa.select(audit_entry.c.at).where(audit_entry.c.seq == middle)).scalar()
        # An entry that is missing has no time; the verifier is what says that it is missing.
        low, high = (middle + 1, high) if (found or "") < at else (low, middle)
    return low
