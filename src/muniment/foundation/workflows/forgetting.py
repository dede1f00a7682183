"""Runs of workflows of somebody who is forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from muniment.foundation.errors import Conflict
from muniment.foundation.workflows.runs import UNDOING

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "operation_outputs": ("output", "error"),
    "workflow_input": ("inputs",),
    "workflow_output": ("output", "error"),
    "workflow_events": ("value",),
    "workflow_events_history": ("value",),
    "streams": ("value",),
    "workflow_attempt": ("says",),
    "workflow_status": ("inputs", "output", "error"),
}
"""What the library keeps of runs as JSON, by table; `workflow_status` last, since the others are of its rows."""
_UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def forget_runs(
    connection: sa.Connection, schema: str | None, began: str, word: str, instead: str
) -> Mapping[str, int]:
    """Remove the runs whose input holds `began`, and write `instead` of `word` in those of others; return how many.

    Raises Conflict where one of the first has not ended. Where no workflow ever ran there is nothing to do.
    """
    if not sa.inspect(connection).has_table("workflow_status", schema=schema):
        return {}
    status = _table("workflow_status", schema)
    given = _table("workflow_input", schema)
    inputs = sa.select(given.c.workflow_uuid).where(_holds(given.c.inputs, began))
    theirs = sa.or_(_holds(status.c.inputs, began), status.c.workflow_uuid.in_(inputs))
    found = connection.execute(sa.select(status.c.workflow_uuid, status.c.status).where(theirs)).all()
    for run, state in found:
        if state in _UNFINISHED:
            raise Conflict(
                f"The run {run} of this person has not ended.",
                fix=f"`muniment workflows cancel {run}` first.",
            )
    runs = [run for row in found for run in (row[0], row[0] + UNDOING)]
    counts = {"workflow runs removed": len(found)} if found else {}
    tables = _tables(connection, schema)
    for run in runs:
        _remove(connection, schema, tables, run)
    for name in tables:
        table = _table(name, schema)
        for text in _TEXTS.get(name, ("message",)):
            column = table.c[text]
            renamed = sa.update(table).where(_holds(column, word))
            changed = connection.execute(
                renamed.values({text: sa.func.replace(column, word, instead)})
            ).rowcount
            if changed:
                counts[f"{name}.{text} renamed"] = changed
    return counts


def forget_ended_runs(
    connection: sa.Connection, schema: str | None, before: int, kept: Collection[str]
) -> int:
    """Remove the runs that ended before a time in milliseconds, except those whose input holds one of `kept`."""
    if not sa.inspect(connection).has_table("workflow_status", schema=schema):
        return 0
    status, given = _table("workflow_status", schema), _table("workflow_input", schema)
    old = [status.c.status.not_in(_UNFINISHED), status.c.completed_at < before]
    for word in kept:
        inputs = sa.select(given.c.workflow_uuid).where(_holds(given.c.inputs, word))
        theirs = sa.or_(
            _holds(sa.func.coalesce(status.c.inputs, ""), word), status.c.workflow_uuid.in_(inputs)
        )
        old.append(sa.not_(theirs))
    runs = list(connection.execute(sa.select(status.c.workflow_uuid).where(*old)).scalars())
    tables = _tables(connection, schema)
    for run in runs:
        _remove(connection, schema, tables, run)
    return sum(not run.endswith(UNDOING) for run in runs)


def _remove(connection: sa.Connection, schema: str | None, tables: Sequence[str], run: str) -> None:
    for name in tables:
        table = _table(name, schema)
        key = table.c.destination_uuid if name == "notifications" else table.c.workflow_uuid
        connection.execute(sa.delete(table).where(key == run))


def _tables(connection: sa.Connection, schema: str | None) -> Sequence[str]:
    """Return the tables that hold texts of runs; that of attempts is made by the first use of workflows."""
    there = sa.inspect(connection).has_table("workflow_attempt", schema=schema)
    return [one for one in ("notifications", *_TEXTS) if there or one != "workflow_attempt"]


def _table(name: str, schema: str | None) -> sa.TableClause:
    keys = ("destination_uuid", "message") if name == "notifications" else ("workflow_uuid", *_TEXTS[name])
    extra = ("status", "completed_at") if name == "workflow_status" else ()
    return sa.table(name, *(sa.column(one) for one in (*keys, *extra)), schema=schema)


def _holds(column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    return sa.func.replace(column, word, "") != column
