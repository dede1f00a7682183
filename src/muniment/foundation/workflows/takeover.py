"""Taking up what a process left behind when it ended.

Invariants, under the turn of this work:
- a run is dispatched again only where this code has its version, and never in a copy of the home it began in;
- a run that came further since it was last dispatched, or waits, is not held against by the end of a process;
- of runs that did not, those for which it is nearly enough go one after the other, so that the one that ends the
  process goes to quarantine without the others beside it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import sqlalchemy as sa

from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids
from muniment.foundation.private_file import put_private
from muniment.foundation.workflows.library import RUNS_HERE
from muniment.foundation.workflows.runs import HELD, WAITS, Reading

ATTEMPTS = 5
"""How often in a row a run may be under way when the process ends, without coming further."""
_SUSPECT = ATTEMPTS - 1
_APART = 2.0
"""Seconds between runs under suspicion: a step that takes longer may go to quarantine with what ends its process."""

_UNFINISHED = "status IN ('PENDING', 'ENQUEUED', 'DELAYED')"
_FURTHER = (
    """UPDATE {schema}workflow_status AS s SET recovery_attempts = 0
WHERE s.status = 'PENDING' AND s.application_version = :here AND ("""
    + WAITS
    + """ OR EXISTS (
  SELECT 1 FROM {schema}operation_outputs o WHERE o.workflow_uuid = s.workflow_uuid
  AND o.completed_at_epoch_ms >= s.started_at_epoch_ms))"""
)
_FORGIVEN = "UPDATE {schema}workflow_status SET recovery_attempts = 0 WHERE status = 'PENDING'"
_LEFT = """SELECT workflow_uuid, recovery_attempts FROM {schema}workflow_status
WHERE status = 'PENDING' AND application_version = :here AND name IN :known
ORDER BY recovery_attempts DESC, created_at, workflow_uuid"""
_AGAIN = """UPDATE {schema}workflow_status SET status = :status, owner_xid = NULL, started_at_epoch_ms = NULL,
  queue_name = name, delay_until_epoch_ms = :until WHERE workflow_uuid = :id AND status = 'PENDING'"""
_HOLD = f"UPDATE {{schema}}workflow_status SET application_version = '{HELD}' WHERE {_UNFINISHED}"
_RELEASE = f"""UPDATE {{schema}}workflow_status SET application_version = '{RUNS_HERE}', status = 'ENQUEUED',
  queue_name = name, recovery_attempts = 0, owner_xid = NULL, started_at_epoch_ms = NULL, completed_at = NULL
WHERE workflow_uuid = :id AND ((application_version = '{HELD}' AND {_UNFINISHED})
  OR status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')"""
_CANCEL = """UPDATE {schema}workflow_status SET status = 'CANCELLED', owner_xid = NULL, queue_name = NULL,
  started_at_epoch_ms = NULL, completed_at = :now
WHERE workflow_uuid = :id AND status IN ('PENDING', 'ENQUEUED', 'DELAYED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')"""
_PLACE = "SELECT id FROM {schema}workflow_place"


def make_place(connection: sa.Connection, reading: Reading) -> None:
    """Make the table that names the home whose runs these are."""
    connection.execute(reading.text("CREATE TABLE IF NOT EXISTS {schema}workflow_place (id TEXT NOT NULL)"))


def take_up(connection: sa.Connection, reading: Reading, known: Collection[str], clock: Clock) -> None:
    """Let what a process left under way be dispatched again."""
    connection.execute(reading.text(_FURTHER), {"here": RUNS_HERE})
    query = reading.text(_LEFT).bindparams(sa.bindparam("known", expanding=True))
    now, suspects = milliseconds(clock), 0
    for run, attempts in connection.execute(query, {"here": RUNS_HERE, "known": sorted(known)}).all():
        said: dict[str, object] = {"id": run, "status": "ENQUEUED", "until": None}
        if attempts >= _SUSPECT:
            said |= {"status": "DELAYED", "until": now + int(suspects * _APART * 1000)}
            suspects += 1
        connection.execute(reading.text(_AGAIN), said)


def forgive(connection: sa.Connection, reading: Reading) -> None:
    """Hold the end of a process that was asked to end against no run."""
    connection.execute(reading.text(_FORGIVEN))


def hold_copies(connection: sa.Connection, reading: Reading, place: Path, ids: Ids) -> bool:
    """Hold all runs where this home is another than the one they began in; return whether it was.

    `place` is a file of the home that no backup holds. It is durable before the database names it: should it be lost
    when the power goes, the home would be taken for a copy of itself.
    """
    held = connection.execute(reading.text(_PLACE)).scalar()
    here = place.read_text().strip() if place.exists() else ""
    if here and here == held:
        return False
    if not here:
        here = ids.new("place")
        put_private(place, f"{here}\n".encode())
    if held is not None:
        connection.execute(reading.text(_HOLD))
    connection.execute(reading.text("DELETE FROM {schema}workflow_place"))
    connection.execute(reading.text("INSERT INTO {schema}workflow_place (id) VALUES (:id)"), {"id": here})
    return held is not None


def release(connection: sa.Connection, reading: Reading, run: str) -> None:
    """Let a run that is held or in quarantine be dispatched."""
    connection.execute(reading.text(_RELEASE), {"id": run})


def cancel(connection: sa.Connection, reading: Reading, run: str, clock: Clock) -> bool:
    """End a run that has not ended; return whether it had not."""
    said = {"id": run, "now": milliseconds(clock)}
    return connection.execute(reading.text(_CANCEL), said).rowcount > 0


def milliseconds(clock: Clock) -> int:
    """Return the wall time as the library counts it."""
    return int(clock.now().timestamp() * 1000)
