"""What came of answers, actions and runs: as they ended, and as people and programs report back.

Invariants:
- a report is about an answer that whoever reports asked for or may review, or an action or a run of theirs;
- what is absent and what is not theirs are the same error;
- each account has one report on each; what is reported again replaces what was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

import sqlalchemy as sa

from muniment.actions.tables import action
from muniment.assistant.lineage import answer, owned_by
from muniment.assurance.monitoring.population import Period
from muniment.assurance.monitoring.reviewable import Reviewer
from muniment.assurance.monitoring.shares import Estimate, share
from muniment.assurance.monitoring.tables import outcome
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, NotFound
from muniment.foundation.workflows.runs import Run
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal

if TYPE_CHECKING:
    from muniment.foundation.workflows.engine import Workflows
    from muniment.governance.policy.decide import Policy

Result = Literal["resolved", "reopened", "wrong"]
RESULTS: tuple[Result, ...] = get_args(Result)
Kind = Literal["answer", "action", "run"]
Engine = Callable[[], "Workflows | None"]
"""Gives what runs workflows, where that is installed."""
_MOST_RUNS = 1_000
_ANSWER, _ACTION, _RUN = "ans_", "act_", "run_"


@dataclass(frozen=True, slots=True)
class Group:
    """What came of the work of one tool, workflow or prompt."""

    kind: Kind
    name: str
    ended: Mapping[str, int]
    """By the state in which they ended in that time; of answers nothing, which are not carried out."""
    reported: Mapping[str, int]

    @property
    def resolved(self) -> Estimate:
        """Return the share of reports that say resolved."""
        return share(self.reported.get("resolved", 0), sum(self.reported.values()))

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "kind": self.kind,
            "name": self.name,
            "ended": dict(self.ended),
            "reported": dict(self.reported),
            "resolved": self.resolved.as_json(),
        }


class Outcomes:
    """The outcomes of one workspace."""

    def __init__(
        self, database: Database, audit: AuditLog, policy: Policy, clock: Clock, engine: Engine
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._clock = clock
        self._engine = engine

    def report(self, target: str, result: str, who: Principal | None, by: Actor) -> Kind:
        """Keep what came of an answer, an action or a run; return which of these it is.

        `who` of None is whoever can open the keys. Raises BadInput for no such result, NotFound.
        """
        if result not in RESULTS:
            raise BadInput(f"There is no result '{result}'.", fix=f"Say one of {', '.join(RESULTS)}.")
        run = self._run(target) if target.startswith(_RUN) else None
        about: dict[str, Json] = {"target": target[:64], "result": result}
        about |= {"principal": who.ref} if who else {}
        with self._database.write() as connection:
            kind = self._kind(connection, target, who, run) if storable(target) else None
            if kind is not None:
                mine = (outcome.c.target == target, outcome.c.by == by.ref)
                connection.execute(sa.delete(outcome).where(*mine))
                values = {"target": target, "by": by.ref, "kind": kind, "result": result}
                connection.execute(sa.insert(outcome).values(**values, at=timestamp(self._clock.now())))
                self._audit.append(connection, [Entry("outcome.reported", by, {**about, "of": kind})])
        if kind is None:
            self._audit.record([Entry("outcome.refused", by, {**about, "effect": "deny"})])
            raise NotFound("There is no such answer, action or run of yours.", fix="Check its id.")
        return kind

    def of(self, span: timedelta, by: Actor) -> list[Group]:
        """Return what came of things in the last `span`, by tool, workflow and prompt; for whoever has the keys."""
        period = Period.of(self._clock.now(), span)
        engine = self._engine()
        runs = engine.runs(most=_MOST_RUNS) if engine is not None else ()
        with self._database.read() as connection:
            told = connection.execute(
                sa.select(outcome.c.target, outcome.c.kind, outcome.c.result).where(*_within(period))
            ).all()
            states = connection.execute(
                sa.select(action.c.tool, action.c.state, sa.func.count())
                .where(action.c.changed_at > period.since, action.c.changed_at <= period.until)
                .group_by(action.c.tool, action.c.state)
            ).all()
            names = _names(connection, {row.target for row in told}, runs)
        self._audit.record([Entry("monitoring.read", by, {"what": "outcomes", "since": period.since})])
        ended: dict[tuple[Kind, str], Counter[str]] = {}
        for tool, state, count in states:
            ended.setdefault(("action", tool), Counter())[state] += count
        for run in runs:
            if run.ended_at is not None and period.since < timestamp(run.ended_at) <= period.until:
                ended.setdefault(("run", run.name), Counter())[_ended(run)] += 1
        results: dict[tuple[Kind, str], Counter[str]] = {}
        for row in told:
            results.setdefault((row.kind, names.get(row.target, "")), Counter())[row.result] += 1
        keys = sorted({*ended, *results})
        return [
            Group(kind, name, ended.get((kind, name), {}), results.get((kind, name), {}))
            for kind, name in keys
        ]

    def _kind(
        self, connection: sa.Connection, target: str, who: Principal | None, run: Run | None
    ) -> Kind | None:
        """Return what an id is of, where `who` may say what came of it."""
        if target.startswith(_ANSWER):
            return "answer" if self._is_theirs(connection, target, who) else None
        if target.startswith(_ACTION):
            asked: str | None = connection.execute(
                sa.select(action.c.requester).where(action.c.id == target)
            ).scalar()
            return "action" if asked is not None and (who is None or asked == who.ref) else None
        return "run" if run is not None and (who is None or run.given.get("requester") == who.ref) else None

    def _run(self, target: str) -> Run | None:
        engine = self._engine()
        if engine is None:
            return None
        try:
            return engine.run(target)
        except NotFound:
            return None

    def _is_theirs(self, connection: sa.Connection, target: str, who: Principal | None) -> bool:
        if who is None:
            return connection.execute(sa.select(answer.c.id).where(answer.c.id == target)).first() is not None
        if owned_by(connection, self._policy, who, target)[1]:
            return True
        return Reviewer(connection, self._policy, who).may_review(target)


def reported(connection: sa.Connection, period: Period) -> dict[str, int]:
    """Return how many reports of a time say what."""
    query = sa.select(outcome.c.result, sa.func.count()).where(*_within(period)).group_by(outcome.c.result)
    return {result: count for result, count in connection.execute(query)}


def _within(period: Period) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return outcome.c.at > period.since, outcome.c.at <= period.until


def _names(connection: sa.Connection, targets: set[str], runs: Sequence[Run]) -> dict[str, str]:
    """Return by what each target is grouped: the prompt of an answer, the tool of an action, a run's workflow."""
    found = {run.id: run.name for run in runs}
    ordered = sorted(targets)
    for start in range(0, len(ordered), 500):
        some = ordered[start : start + 500]
        rows = connection.execute(sa.select(answer.c.id, answer.c.lineage).where(answer.c.id.in_(some)))
        found |= {row.id: str(json.loads(row.lineage).get("prompt", "")) for row in rows}
        tools = connection.execute(sa.select(action.c.id, action.c.tool).where(action.c.id.in_(some)))
        found |= {row.id: row.tool for row in tools}
    return found


def _ended(run: Run) -> str:
    return "undone" if run.undoing is not None and run.undoing.value == "done" else run.state.value
