"""How the last days went, for whoever policy lets read suites: figures with their intervals, and no text of anybody.

It is read on every visit of a page, so it looks at so many answers of each time and no more, and says where that is
not the whole. Whether questions have moved takes their vectors: that is left to `drift`.

Invariant: a source is named, and its documents counted, for whoever policy lets read it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.actions.tables import action
from muniment.assurance.monitoring.drift import Compared, scores_moved
from muniment.assurance.monitoring.freshness import SourceAge, source_ages
from muniment.assurance.monitoring.population import (
    REFUSED,
    Given,
    Period,
    asked_since,
    not_waited_for,
    shortened,
    shortened_to_asked,
)
from muniment.assurance.monitoring.status import Row, figures, seen
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy

SPAN = timedelta(days=7)
MOST = 500
"""Stored answers of each time that are looked at."""
_ASKED = 1_000
"""Questions of each time that are looked at."""
_READ = 4_000
"""Entries of questions that are read: those of both times, and those shortly before."""
_OLD = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class LiveSignals:
    """The last days beside those before them."""

    now: Period
    before: Period
    cut: bool
    """Whether one of the two holds more answers or questions than are looked at."""
    rows: tuple[Row, ...]
    moved: tuple[Compared, ...]
    """Nothing where either time has too few answers to tell."""
    sources: tuple[SourceAge, ...]
    ended: Mapping[str, Mapping[str, int]]
    """By tool, how its actions ended."""

    @property
    def unusual(self) -> tuple[Row | Compared, ...]:
        """Return what changed by more than noise."""
        changed: Sequence[Row | Compared] = [one for one in self.rows if one.changed]
        return (*changed, *(one for one in self.moved if one.moved))


class Live:
    """Tells readers by name how one workspace goes."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock

    def of(self, who: Principal, by: Actor) -> LiveSignals:
        """Return the last days; raises NotPermitted for who may not read suites."""
        end = self._clock.now()
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_suite", Resource("Suite", ""))
            now, cut = _shortened(connection, Period.of(end, SPAN))
            begin = datetime.fromisoformat(now.since)
            before, cut_too = _shortened(connection, Period.of(begin, end - begin))
            sources = self._sources(connection, who, end)
            ended = _ended(connection, now)
        about: dict[str, Json] = {**stated, "principal": who.ref, "what": "live", "since": now.since}
        self._audit.record([Entry("monitoring.read", by, about)])
        entries = asked_since(self._audit, before.since, REFUSED, most=_READ)
        others = not_waited_for(entries)
        here, there = (seen(self._database, one, entries, others) for one in (now, before))
        moved = _of_scores(there.answers, here.answers)
        return LiveSignals(now, before, cut or cut_too, figures(here, there), moved, sources, ended)

    def _sources(self, connection: sa.Connection, who: Principal, now: datetime) -> tuple[SourceAge, ...]:
        standing = self._policy.standing(connection, who)
        return tuple(
            one
            for one in source_ages(connection, now, _OLD)
            if standing.decide("read_source", Resource("Source", one.source)).allowed
        )


def _shortened(connection: sa.Connection, period: Period) -> tuple[Period, bool]:
    few, cut = shortened(connection, period, MOST)
    fewer, cut_too = shortened_to_asked(connection, few, _ASKED)
    return fewer, cut or cut_too


def _of_scores(before: Sequence[Given], now: Sequence[Given]) -> tuple[Compared, ...]:
    """Return what only this compares: the other shares stand among the figures."""
    return tuple(one for one in scores_moved(before, now) if one.name == "best score")


def _ended(connection: sa.Connection, period: Period) -> Mapping[str, Mapping[str, int]]:
    rows = connection.execute(
        sa.select(action.c.tool, action.c.state, sa.func.count())
        .where(action.c.changed_at > period.since, action.c.changed_at <= period.until)
        .group_by(action.c.tool, action.c.state)
        .order_by(action.c.tool, action.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for tool, state, count in rows:
        found.setdefault(tool, {})[state] = count
    return found
