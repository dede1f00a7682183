"""Attempts that failed and were made again: kept beside the library's own tables, which know how a step ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from muniment.foundation.workflows.runs import Reading

LISTED = 500
"""Attempts of one run that are read."""
_MAKE = """CREATE TABLE IF NOT EXISTS {schema}workflow_attempt (
  workflow_uuid TEXT NOT NULL, step TEXT NOT NULL, at BIGINT NOT NULL, says TEXT NOT NULL)"""
_INDEX = "CREATE INDEX IF NOT EXISTS workflow_attempt_run ON {schema}workflow_attempt (workflow_uuid)"
_NOTE = "INSERT INTO {schema}workflow_attempt (workflow_uuid, step, at, says) VALUES (:id, :step, :at, :says)"
_OF = """SELECT step, at, says FROM {schema}workflow_attempt WHERE workflow_uuid = :id
ORDER BY at LIMIT :most"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step that failed, after which it was tried again."""

    step: str
    at: datetime
    says: str
    """What an error of ours says, or what kind another was."""


def make_table(connection: sa.Connection, reading: Reading) -> None:
    """Make the table of attempts where it is not there."""
    for sql in (_MAKE, _INDEX):
        connection.execute(reading.text(sql))


def note(connection: sa.Connection, reading: Reading, run: str, step: str, at: int, says: str) -> None:
    """Keep an attempt."""
    connection.execute(reading.text(_NOTE), {"id": run, "step": step, "at": at, "says": says})


def attempts_of(connection: sa.Connection, reading: Reading, run: str) -> Sequence[Attempt]:
    """Return the attempts of a run, the first one first, up to LISTED."""
    rows = connection.execute(reading.text(_OF), {"id": run, "most": LISTED}).all()
    return [Attempt(row.step, datetime.fromtimestamp(row.at / 1000, UTC), row.says) for row in rows]
