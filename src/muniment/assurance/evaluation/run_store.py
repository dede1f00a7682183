"""Runs as they are stored: each case's result is durable before the next one of its worker begins.

Invariants:
- a result is stored once: a case that has one in a run is not put again by that run;
- no text of an answer is stored here, only scores, paths and the answer's id;
- a result is taken over from an earlier run only where case, subject and corpus are the same to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.foundation import canonical
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, metadata
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Json

WORKSPACE = "workspace"
"""The subject that is a workspace as it answers people."""
SHORTEST = 8
"""Characters of an id that name a run."""

evaluation_run = sa.Table(
    "evaluation_run",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("suite_digest", sa.Text, nullable=False),
    sa.Column("suite_version", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("lineage", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("corpus", sa.Text, nullable=False),
    sa.Column("targets", sa.Text, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("finished", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("cases", sa.Integer, nullable=False),
    sa.Index("evaluation_run_started", "suite", "started"),
)
evaluation_result = sa.Table(
    "evaluation_result",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("asker", sa.Text, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("tags", sa.Text, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("scores", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("cached", sa.Boolean, nullable=False),
    sa.Index("evaluation_result_place", "place", "digest"),
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run under way."""

    id: str
    place: str
    """Digest of what answers and of what it answers from."""
    results: Mapping[str, CaseResult]
    """By case, what it has already."""
    continued: bool
    """Whether it was cut short before."""


class RunStore:
    """The runs of one workspace."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    def begin(
        self,
        connection: sa.Connection,
        suite: Suite,
        subject: str,
        lineage: Mapping[str, Json],
        corpus: str,
        by: str,
        fresh: bool,
    ) -> Begun:
        """Begin a run, or go on with one of the same that was cut short.

        Results of the same cases, subject and corpus are taken over; with `fresh` nothing earlier is.
        """
        place = canonical.digest({"subject": subject, "lineage": dict(lineage), "corpus": corpus})
        table = evaluation_run.c
        same = sa.select(table.id).where(
            table.place == place,
            table.suite == suite.name,
            table.suite_digest == suite.digest,
            table.finished == "",
        )
        found = None if fresh else connection.execute(same.order_by(table.started.desc())).scalar()
        if found is not None:
            return Begun(found, place, {one.case: one for one in _results(connection, found)}, True)
        made = self._ids.new("eval")
        connection.execute(
            sa.insert(evaluation_run).values(
                id=made,
                suite=suite.name,
                suite_digest=suite.digest,
                suite_version=suite.version,
                kind=suite.kind,
                subject=subject,
                lineage=json.dumps(dict(lineage), sort_keys=True),
                place=place,
                corpus=corpus,
                targets=json.dumps(dict(suite.targets)),
                started=timestamp(self._clock.now()),
                finished="",
                by=by,
                cases=len(suite.cases),
            )
        )
        kept = {} if fresh else self._take_over(connection, made, place, suite)
        return Begun(made, place, kept, False)

    def keep(self, begun: Begun, number: int, result: CaseResult) -> None:
        """Store a result; it is durable when this returns. Where the run has one of the case, that one stays."""
        held = sa.select(evaluation_result.c.run).where(
            evaluation_result.c.run == begun.id, evaluation_result.c.case_id == result.case
        )
        with self._database.write() as connection:
            if connection.execute(held).first() is not None:
                return
            _insert(connection, begun.id, begun.place, number, result)

    def end(self, connection: sa.Connection, run: str) -> None:
        """Say that every case has its result."""
        ended = {"finished": timestamp(self._clock.now())}
        connection.execute(sa.update(evaluation_run).where(evaluation_run.c.id == run).values(ended))

    def find(self, given: str, suites: Collection[str] | None = None) -> Run:
        """Return the run of an id or its first characters, or the newest whole one of a suite; raises BadInput.

        Of a suite the newest of the workspace itself, where it has one: rungs of a ladder are trials of other ways.
        `suites` are those whose runs there are for whoever asks; None: all.
        """
        table = evaluation_run.c
        runs = _runs_of(suites)
        with self._database.read() as connection:
            named = runs.where(table.id.startswith(given, autoescape=True)).limit(2)
            rows = connection.execute(named).all() if len(given) >= SHORTEST else []
            if not rows:
                newest = runs.where(table.suite == given, table.finished != "")
                itself = table.subject == WORKSPACE
                rows = connection.execute(newest.order_by(itself.desc(), table.started.desc()).limit(1)).all()
            if len(rows) == 1:
                return _run(rows[0], _results(connection, rows[0].id))
        if rows:
            raise BadInput(f"{given!r} is the beginning of several runs.", fix="Give more of its id.")
        raise BadInput(
            f"There is no run {given!r}, and none of a suite of that name.", fix="See `muniment eval runs`."
        )

    def latest(self, suite: str, place: Mapping[str, Json] | None = None) -> Run | None:
        """Return the newest whole run of a suite, with `place` of just that lineage, or None."""
        table = evaluation_run.c
        query = sa.select(evaluation_run).where(table.suite == suite, table.finished != "")
        if place is not None:
            query = query.where(table.lineage == json.dumps(dict(place), sort_keys=True))
        with self._database.read() as connection:
            row = connection.execute(query.order_by(table.started.desc()).limit(1)).first()
            return None if row is None else _run(row, _results(connection, row.id))

    def listing(
        self, count: int, suites: Collection[str] | None = None, after: str = ""
    ) -> list[tuple[Run, int]]:
        """Return the newest runs without their results, each with how many it has; with `after` those before a run.

        `suites` as in `find`; raises BadInput where `after` is no run of these.
        """
        table = evaluation_run.c
        held = sa.select(sa.func.count()).where(evaluation_result.c.run == table.id).scalar_subquery()
        query = _runs_of(suites).add_columns(held.label("held"))
        query = query.order_by(table.started.desc(), table.id.desc()).limit(count)
        with self._database.read() as connection:
            if after:
                last = connection.execute(_runs_of(suites).where(table.id == after)).first()
                if last is None:
                    raise BadInput(f"There is no run {after!r}.", fix="Begin the list anew.")
                earlier = sa.and_(table.started == last.started, table.id < last.id)
                query = query.where(sa.or_(table.started < last.started, earlier))
            return [(_run(row, ()), row.held) for row in connection.execute(query)]

    def whole(self, connection: sa.Connection, suite: str, subject: str, most: int) -> list[Run]:
        """Return the newest whole runs of a suite on a subject, newest first; their results hold scores alone."""
        table, each = evaluation_run.c, evaluation_result.c
        query = sa.select(evaluation_run).where(
            table.suite == suite, table.subject == subject, table.finished != ""
        )
        found: list[Run] = []
        for row in connection.execute(
            query.order_by(table.started.desc(), table.id.desc()).limit(most)
        ).all():
            columns = (
                each.case_id,
                each.digest,
                each.weight,
                each.status,
                each.scores,
                each.error,
                each.cached,
            )
            held = connection.execute(sa.select(*columns).where(each.run == row.id).order_by(each.number))
            found.append(_run(row, [_scores_alone(one) for one in held]))
        return found

    def suites(self, connection: sa.Connection) -> list[str]:
        """Return the names of the suites that there are runs of, sorted."""
        table = evaluation_run.c
        return list(connection.execute(sa.select(table.suite).distinct().order_by(table.suite)).scalars())

    def _take_over(
        self, connection: sa.Connection, run: str, place: str, suite: Suite
    ) -> Mapping[str, CaseResult]:
        table = evaluation_result.c
        query = sa.select(evaluation_result).where(table.place == place, table.status != "failed")
        earlier = {row.digest: _result(row) for row in connection.execute(query)}
        kept: dict[str, CaseResult] = {}
        for number, case in enumerate(suite.cases):
            found = earlier.get(case.digest)
            if found is not None:
                kept[case.id] = _as_of(case, found)
                _insert(connection, run, place, number, kept[case.id])
        return kept


def _runs_of(suites: Collection[str] | None) -> sa.Select[Any]:
    runs = sa.select(evaluation_run)
    return runs if suites is None else runs.where(evaluation_run.c.suite.in_(suites))


def _as_of(case: Case, found: CaseResult) -> CaseResult:
    return CaseResult(
        case=case.id,
        digest=found.digest,
        asker=found.asker,
        question=case.question,
        tags=case.tags,
        weight=case.weight,
        status=found.status,
        scores=found.scores,
        answer_id=found.answer_id,
        detail=found.detail,
        error=found.error,
        cached=True,
    )


def _insert(connection: sa.Connection, run: str, place: str, number: int, result: CaseResult) -> None:
    connection.execute(
        sa.insert(evaluation_result).values(
            run=run,
            case_id=result.case,
            number=number,
            place=place,
            digest=result.digest,
            asker=result.asker,
            question=result.question,
            tags=json.dumps(result.tags),
            weight=result.weight,
            status=result.status,
            scores=json.dumps(dict(result.scores)),
            answer=result.answer_id,
            detail=json.dumps(dict(result.detail)),
            error=result.error,
            cached=result.cached,
        )
    )


def _results(connection: sa.Connection, run: str) -> tuple[CaseResult, ...]:
    table = evaluation_result.c
    query = sa.select(evaluation_result).where(table.run == run).order_by(table.number)
    return tuple(_result(row) for row in connection.execute(query))


def _result(row: sa.Row[Any]) -> CaseResult:
    return CaseResult(
        case=row.case_id,
        digest=row.digest,
        asker=row.asker,
        question=row.question,
        tags=tuple(json.loads(row.tags)),
        weight=row.weight,
        status=row.status,
        scores=cast("dict[str, float]", json.loads(row.scores)),
        answer_id=row.answer,
        detail=cast("dict[str, Json]", json.loads(row.detail)),
        error=row.error,
        cached=row.cached,
    )


def _scores_alone(row: sa.Row[*tuple[Any, ...]]) -> CaseResult:
    scores = cast("dict[str, float]", json.loads(row.scores))
    return CaseResult(
        case=row.case_id,
        digest=row.digest,
        asker="",
        question="",
        tags=(),
        weight=row.weight,
        status=row.status,
        scores=scores,
        error=row.error,
        cached=row.cached,
    )


def _run(row: sa.Row[Any], results: Sequence[CaseResult]) -> Run:
    return Run(
        id=row.id,
        suite=row.suite,
        suite_digest=row.suite_digest,
        suite_version=row.suite_version,
        kind=row.kind,
        subject=row.subject,
        lineage=cast("dict[str, Json]", json.loads(row.lineage)),
        corpus=row.corpus,
        targets=cast("dict[str, float]", json.loads(row.targets)),
        started=row.started,
        finished=row.finished,
        by=row.by,
        cases=row.cases,
        results=tuple(results),
    )
