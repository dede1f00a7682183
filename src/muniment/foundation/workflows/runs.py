"""What is known of runs, read from the library's tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from muniment.foundation.canonical import exact
from muniment.foundation.errors import MunimentError, NotFound
from muniment.foundation.workflows.definition import Json
from muniment.foundation.workflows.library import RUNS_HERE
from muniment.foundation.workflows.steps import STATE
from muniment.foundation.workflows.wire import value_of

UNDOING = "/undo"
"""Ends the title of what undoes a cancelled run, and its id."""
HELD = "held"
"""Stands for the version of the code where a run is not to be taken up."""


class State(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINED = "quarantined"
    """It ended the process, or was under way when it ended, again and again without coming further."""
    HELD = "held"
    """Nothing here takes it up: `why` says what it needs."""


ENDED = (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow."""

    id: str
    name: str
    version: int
    state: State
    started_at: datetime
    ended_at: datetime | None = None
    why: str = ""
    """Why it failed, is held or in quarantine."""
    undoing: State | None = None
    """Where the undoing of a cancelled run stands."""
    tells: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What it said of itself last; read by `run` alone, as what it was given and gave."""
    given: Mapping[str, Json] = field(default_factory=dict[str, Json])
    result: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One step as it is recorded, or a wait."""

    number: int
    name: str
    """Empty: a wait for a message, or for a time."""
    started_at: datetime
    ended_at: datetime | None
    """None: it waits."""
    result: Json = None
    """What came of it; an error where it failed."""
    until: datetime | None = None
    """Of a wait: when it is over at the latest."""


_STATES = {
    "SUCCESS": State.DONE,
    "ERROR": State.FAILED,
    "CANCELLED": State.CANCELLED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": State.QUARANTINED,
}

WAITS = """EXISTS (
  SELECT 1 FROM {schema}operation_outputs t WHERE t.workflow_uuid = s.workflow_uuid
  AND t.function_name = 'DBOS.sleep'
  AND t.function_id = (SELECT MAX(l.function_id) FROM {schema}operation_outputs l
                       WHERE l.workflow_uuid = s.workflow_uuid)
  AND NOT EXISTS (SELECT 1 FROM {schema}operation_outputs r WHERE r.workflow_uuid = s.workflow_uuid
                  AND r.function_id = t.function_id - 1))"""
"""The last thing that it recorded is until when it waits at most, and not what came of it."""

_ROWS = (
    """SELECT s.workflow_uuid AS id, s.name, s.status, s.created_at, s.completed_at, s.application_version,
  s.serialization, CASE WHEN s.status IN ('PENDING', 'ENQUEUED', 'DELAYED') THEN {waits} ELSE FALSE END AS waits,
  u.status AS undoing
FROM {schema}workflow_status s
LEFT JOIN {schema}workflow_status u ON u.workflow_uuid = s.workflow_uuid || '"""
    + UNDOING
    + """'
"""
)
_ONE = _ROWS + "WHERE s.workflow_uuid = :id"
_MANY = (
    _ROWS
    + """WHERE s.name NOT LIKE '%"""
    + UNDOING
    + """' AND (:name = '' OR s.name LIKE :name)
AND (:before = 0 OR s.created_at < :before) {state} {given}
AND (:after = '' OR EXISTS (SELECT 1 FROM {schema}workflow_status a WHERE a.workflow_uuid = :after {same}
  AND (s.created_at < a.created_at OR (s.created_at = a.created_at AND s.workflow_uuid > a.workflow_uuid))))
ORDER BY s.created_at DESC, s.workflow_uuid LIMIT :most"""
)
_GIVEN = """AND EXISTS (SELECT 1 FROM {schema}workflow_input i WHERE i.workflow_uuid = {of}.workflow_uuid
  AND replace(i.inputs, :holds, '') <> i.inputs AND {value} = :text)"""
"""The text is looked for first, which is quick; it may stand further down too, where it says nothing."""
_VALUES = {
    "postgresql": "CAST(i.inputs AS json) #>> ARRAY['value', 'args', '0', :name_given]",
    "sqlite": "json_extract(i.inputs, '$.value.args[0].' || :name_given)",
}
_INPUTS = """SELECT i.workflow_uuid AS id, i.inputs, s.serialization FROM {schema}workflow_input i
JOIN {schema}workflow_status s ON s.workflow_uuid = i.workflow_uuid WHERE i.workflow_uuid IN :ids"""
_SAID = """SELECT workflow_uuid AS id, value, serialization FROM {schema}workflow_events
WHERE key = :key AND workflow_uuid IN :ids"""
_OUTCOME = "SELECT output, error FROM {schema}workflow_output WHERE workflow_uuid = :id"
_INPUT = "SELECT inputs FROM {schema}workflow_input WHERE workflow_uuid = :id"
_TELLS = "SELECT value, serialization FROM {schema}workflow_events WHERE workflow_uuid = :id AND key = :key"
_STEPS = """SELECT function_id, function_name, output, error, serialization, started_at_epoch_ms AS started,
  completed_at_epoch_ms AS completed
FROM {schema}operation_outputs WHERE workflow_uuid = :id ORDER BY function_id"""


class Reading:
    """Reads runs by connections of a workspace's database."""

    def __init__(self, schema: str | None, known: Collection[str]) -> None:
        """`known` are the titles of what this code can run."""
        self._schema = f'"{schema}".' if schema else ""
        self._known = known

    def text(self, sql: str, **more: str) -> sa.TextClause:
        """Return a statement about the library's tables."""
        waits = WAITS.format(schema=self._schema)
        return sa.text(sql.format(schema=self._schema, waits=waits, **more))

    def find(self, connection: sa.Connection, run: str) -> Run | None:
        """Return a run without what it was given, gave and tells."""
        row = connection.execute(self.text(_ONE), {"id": run}).one_or_none()
        return None if row is None else self._run(row)

    def whole(self, connection: sa.Connection, run: str) -> Run:
        """Return all of a run; raises NotFound."""
        found = self.find(connection, run)
        if found is None:
            raise NotFound("No such run.")
        row = connection.execute(self.text(_ONE), {"id": run}).one()
        given = self.given(connection, run, row.serialization)
        why, result = found.why, None
        outcome = connection.execute(self.text(_OUTCOME), {"id": run}).one_or_none()
        if outcome is not None and found.state is State.DONE:
            result = value_of(outcome.output, row.serialization)
        elif outcome is not None and outcome.error is not None:
            error = value_of(outcome.error, row.serialization)
            why = str(error) if isinstance(error, MunimentError) else "It failed."
        tells = connection.execute(self.text(_TELLS), {"id": run, "key": STATE}).one_or_none()
        said = {} if tells is None else value_of(tells.value, tells.serialization)
        return Run(
            found.id,
            found.name,
            found.version,
            found.state,
            found.started_at,
            found.ended_at,
            why,
            found.undoing,
            said,
            given,
            result,
        )

    def given(self, connection: sa.Connection, run: str, written_as: str) -> Mapping[str, Json]:
        """Return what a run was given."""
        return _given(connection.execute(self.text(_INPUT), {"id": run}).scalar(), written_as)

    def many(
        self,
        connection: sa.Connection,
        name: str,
        state: State | None,
        before: datetime | None,
        most: int,
        given: tuple[str, str] | None = None,
        after: str = "",
    ) -> Sequence[Run]:
        """Return runs, the youngest first, without what they were given, gave and tell."""
        said = {
            "name": f"{name}@%" if name else "",
            "before": 0 if before is None else int(before.timestamp() * 1000),
            "most": most,
            "after": after,
        }
        parts = {"given": "", "same": ""}
        if given is not None:
            name_given, text = given
            holds = f"{exact(name_given).decode()}:{exact(text).decode()}"
            said |= {"holds": holds, "name_given": name_given, "text": text}
            value = _VALUES["postgresql" if self._schema else "sqlite"]
            parts = {
                name: _GIVEN.format(schema=self._schema, of=of, value=value)
                for name, of in (("given", "s"), ("same", "a"))
            }
        query = self.text(_MANY, state=self._only(state), **parts)
        if ":known" in query.text:
            query = query.bindparams(sa.bindparam("known", expanding=True))
            said |= {"known": sorted(self._known), "here": RUNS_HERE}
        return [self._run(row) for row in connection.execute(query, said)]

    def filled(self, connection: sa.Connection, runs: Sequence[Run]) -> Sequence[Run]:
        """Return runs with what they were given and tell."""
        if not runs:
            return []
        said: dict[str, object] = {"ids": [one.id for one in runs]}
        ids = sa.bindparam("ids", expanding=True)
        inputs = connection.execute(self.text(_INPUTS).bindparams(ids), said).all()
        given = {row.id: _given(row.inputs, row.serialization) for row in inputs}
        states = connection.execute(self.text(_SAID).bindparams(ids), {**said, "key": STATE}).all()
        tells = {row.id: value_of(row.value, row.serialization) for row in states}
        return [replace(one, given=given.get(one.id, {}), tells=tells.get(one.id, {})) for one in runs]

    def steps(self, connection: sa.Connection, run: str) -> Sequence[Recorded]:
        """Return what a run has recorded, in order."""
        found: dict[int, Recorded] = {}
        for row in connection.execute(self.text(_STEPS), {"id": run}).all():
            begun = _at(row.started)
            if row.function_name == "DBOS.setEvent":
                continue
            if row.function_name == "DBOS.sleep":
                # Its row stands behind that of the wait, which is there only once that is over.
                before = found.get(row.function_id - 1)
                until = datetime.fromtimestamp(float(row.output), UTC)
                over = None if before is None else before.ended_at
                said = None if before is None else before.result
                found[row.function_id - 1] = Recorded(row.function_id - 1, "", begun, over, said, until)
                continue
            name = "" if row.function_name == "DBOS.recv" else str(row.function_name)
            ended = None if row.completed is None else _at(row.completed)
            found[row.function_id] = Recorded(row.function_id, name, begun, ended, _result(row))
        return [found[number] for number in sorted(found)]

    def _only(self, state: State | None) -> str:
        """Return the part of a condition that leaves runs in one state."""
        for theirs, ours in _STATES.items():
            if ours is state:
                return f"AND s.status = '{theirs}'"
        if state is None:
            return ""
        goes_on = "(s.application_version = :here AND s.name IN :known)"
        conditions = {
            State.HELD: f"NOT {goes_on}",
            State.WAITING: f"{goes_on} AND {WAITS}",
            State.RUNNING: f"{goes_on} AND NOT {WAITS}",
        }
        unfinished = "AND s.status IN ('PENDING', 'ENQUEUED', 'DELAYED') AND "
        return unfinished + conditions[state].format(schema=self._schema)

    def recorded(self, connection: sa.Connection, run: str) -> Mapping[int, tuple[str, Json]]:
        """Return name and result of each numbered row of a run; a step that failed has its error."""
        rows = connection.execute(self.text(_STEPS), {"id": run}).all()
        return {
            row.function_id: (row.function_name, _result(row))
            for row in rows
            if row.function_name != "DBOS.sleep"
        }

    def _run(self, row: Any) -> Run:
        name, _, version = str(row.name).partition("@")
        state = _STATES.get(row.status) or (State.WAITING if row.waits else State.RUNNING)
        why = ""
        if state is State.QUARANTINED:
            why = "The process ended again and again while it ran. Look into why, then resume it."
        elif state in (State.RUNNING, State.WAITING) and row.application_version != RUNS_HERE:
            state, why = (
                State.HELD,
                "This is a copy of the home in which it began. Resume it where it is to go on.",
            )
        elif state in (State.RUNNING, State.WAITING) and row.name not in self._known:
            state, why = State.HELD, f"This version of muniment has no {row.name}; one that has it goes on."
        return Run(
            row.id,
            name,
            int(version) if version.isdecimal() else 0,
            state,
            _at(row.created_at),
            None if row.completed_at is None else _at(row.completed_at),
            why,
            None if row.undoing is None else _STATES.get(row.undoing, State.RUNNING),
        )


def _result(row: Any) -> Json:
    if row.error is not None:
        return value_of(row.error, row.serialization)
    return value_of(row.output, row.serialization) if row.output is not None else None


def _given(inputs: str | None, written_as: str) -> Mapping[str, Json]:
    read = value_of(inputs, written_as)
    return read["args"][0] if read and isinstance(read["args"][0], dict) else {}


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
