"""How a period went beside the one before: figures with their intervals, and no text of anybody.

For whoever can open the keys.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import sqlalchemy as sa

from muniment.actions.tables import action
from muniment.assurance.evaluation.statistics.many import holm
from muniment.assurance.monitoring.divergence import quantile_difference, ratio_difference
from muniment.assurance.monitoring.freshness import SourceAge, source_ages
from muniment.assurance.monitoring.numbers import quantile, ratio
from muniment.assurance.monitoring.outcomes import reported
from muniment.assurance.monitoring.population import (
    ASKED,
    REFUSED,
    Given,
    Period,
    asked_since,
    not_waited_for,
    population,
)
from muniment.assurance.monitoring.shares import Estimate, differ, share
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Entry, Json, StoredEntry
from muniment.governance.audit.log import AuditLog

Unit = Literal["count", "share", "ms"]
NOISE = 0.05
"""A change is marked where chance gives one as large less often than this, after Holm's correction over all rows."""
_OF_THE_CALLER = frozenset({"stopped", "denied", "bad-input", "not-found", "unauthenticated"})
_MOST_TESTED = 2_000
_SEED = 1
_OLD = timedelta(days=365)
_ENDED = ("done", "failed", "unknown", "rejected", "expired", "refused", "withdrawn")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, now and before."""

    name: str
    unit: Unit
    now: Estimate
    before: Estimate
    p: float | None = None
    """Corrected for all rows; None for what is not tested."""

    @property
    def changed(self) -> bool:
        """Return whether the change is more than noise."""
        return self.p is not None and self.p < NOISE

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "name": self.name,
            "unit": self.unit,
            "now": self.now.as_json(),
            "before": self.before.as_json(),
            "p": None if self.p is None else round(self.p, 6),
            "changed": self.changed,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """All figures of a period."""

    now: Period
    before: Period
    rows: tuple[Row, ...]
    sources: tuple[SourceAge, ...]

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {
            "since": self.now.since,
            "until": self.now.until,
            "before_since": self.before.since,
            "figures": [one.as_json() for one in self.rows],
            "sources": [one.as_json() for one in self.sources],
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """What a period was like, before anything is compared."""

    answers: Sequence[Given]
    asked: int
    failed: int
    ended: dict[str, int]
    """Actions by the state in which they ended."""
    results: dict[str, int]
    """Reported outcomes."""


class Statuses:
    """Tells how one workspace goes."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def of(self, span: timedelta, by: Actor) -> Status:
        """Return the figures of the last `span` beside those of the time before it."""
        end = self._clock.now()
        now, before = Period.of(end, span), Period.of(end - span, span)
        self._audit.record([Entry("monitoring.read", by, {"what": "status", "since": now.since})])
        with self._database.read() as connection:
            sources = source_ages(connection, end, _OLD)
        entries = asked_since(self._audit, before.since, REFUSED)
        rows = figures(
            *(seen(self._database, one, entries, not_waited_for(entries)) for one in (now, before))
        )
        return Status(now, before, rows, tuple(sources))


def seen(database: Database, period: Period, entries: Sequence[StoredEntry], others: Collection[str]) -> Seen:
    """Return what a period was like; `entries` are those of `asked_since`, `others` nobody waited for."""
    asked, failed = _asked(period, entries)
    with database.read() as connection:
        within = (action.c.changed_at > period.since, action.c.changed_at <= period.until)
        states = (
            sa.select(action.c.state, sa.func.count())
            .where(*within, action.c.state.in_(_ENDED))
            .group_by(action.c.state)
        )
        ended = {state: count for state, count in connection.execute(states)}
        results = reported(connection, period)
    return Seen(population(database, period, others), asked, failed, ended, results)


def figures(now: Seen, before: Seen) -> tuple[Row, ...]:
    """Return every figure of a period beside those of another."""
    return _corrected(_rows(now, before))


def _asked(period: Period, entries: Sequence[StoredEntry]) -> tuple[int, int]:
    """Return how many questions people asked, and how many of them failed through no fault of theirs."""
    within = [one for one in entries if period.since < one.at <= period.until]
    asked = {
        str(one.about["answer"])
        for one in within
        if one.kind == ASKED and one.about.get("principal") == one.actor
    }
    failed = {
        str(one.about.get("answer"))
        for one in within
        if one.kind == REFUSED and _failed(str(one.about.get("reason", "")))
    }
    return len(asked), len(failed & asked)


def _failed(reason: str) -> bool:
    return bool(reason) and reason not in _OF_THE_CALLER and not reason.startswith("limit-")


def _rows(now: Seen, before: Seen) -> list[Row]:
    ended, ended_before = sum(now.ended.values()), sum(before.ended.values())
    told, told_before = sum(now.results.values()), sum(before.results.values())
    given, given_before = _given(now), _given(before)
    took, took_before = _took(now), _took(before)
    statements, statements_before = _statements(now), _statements(before)
    return [
        Row("answers", "count", _count(len(now.answers)), _count(len(before.answers))),
        *(
            _share(name, *(_status(one, status) for one in (now, before)))
            for name, status in (("abstained", "abstained"), ("withdrawn", "refused"))
        ),
        Row(
            "statements without evidence",
            "share",
            ratio(statements),
            ratio(statements_before),
            ratio_difference(statements, statements_before, _SEED),
        ),
        _share("failed", (now.failed, now.asked), (before.failed, before.asked)),
        *(
            Row(
                f"latency p{round(q * 100)}",
                "ms",
                quantile(took, q),
                quantile(took_before, q),
                quantile_difference(_some(took), _some(took_before), q, _SEED),
            )
            for q in (0.5, 0.95)
        ),
        _share("with feedback", (len(given), len(now.answers)), (len(given_before), len(before.answers))),
        _share("useful, of feedback", (sum(given), len(given)), (sum(given_before), len(given_before))),
        _share(
            "actions done", (now.ended.get("done", 0), ended), (before.ended.get("done", 0), ended_before)
        ),
        _share(
            "actions rejected",
            (now.ended.get("rejected", 0), ended),
            (before.ended.get("rejected", 0), ended_before),
        ),
        _share(
            "outcomes resolved",
            (now.results.get("resolved", 0), told),
            (before.results.get("resolved", 0), told_before),
        ),
    ]


def _share(name: str, now: tuple[int, int], before: tuple[int, int]) -> Row:
    p = differ(*now, *before) if now[1] and before[1] else None
    return Row(name, "share", share(*now), share(*before), p)


def _corrected(rows: Sequence[Row]) -> tuple[Row, ...]:
    tested = [row for row in rows if row.p is not None]
    p_values = dict(zip([row.name for row in tested], holm([row.p or 0.0 for row in tested]), strict=True))
    return tuple(replace(row, p=p_values.get(row.name)) for row in rows)


def _count(n: int) -> Estimate:
    return Estimate(float(n), None, None, n)


def _status(seen: Seen, status: str) -> tuple[int, int]:
    return sum(one.status == status for one in seen.answers), len(seen.answers)


def _statements(seen: Seen) -> list[tuple[int, int]]:
    return [(one.unverified, one.unverified + one.released) for one in seen.answers]


def _given(seen: Seen) -> list[bool]:
    return [one.useful for one in seen.answers if one.useful is not None]


def _took(seen: Seen) -> list[float]:
    return [one.took_ms for one in seen.answers]


def _some(values: Sequence[float]) -> Sequence[float]:
    """Return as many as a test looks at in a blink, drawn by chance."""
    return values if len(values) <= _MOST_TESTED else random.Random(_SEED).sample(list(values), _MOST_TESTED)
