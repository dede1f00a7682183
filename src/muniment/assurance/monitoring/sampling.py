"""Drawing a sample of stored answers for people to review.

Invariants:
- who drew it, when, why and by which seed is in the log in the transaction that stores it;
- each item keeps the share of its stratum that was drawn, as a weight: one over its probability to be drawn;
- drawing opens no answer, and tells nothing of any.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from muniment.assurance.monitoring.population import Given, Period, asked_since, not_waited_for, population
from muniment.assurance.monitoring.reviewable import REVIEW
from muniment.assurance.monitoring.strata import drawn, sizes_that_fit
from muniment.assurance.monitoring.tables import review_item, review_set
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database, storable
from muniment.foundation.errors import BadInput, NotFound
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

REVIEWED = frozenset({"answered", "abstained"})
"""What was withdrawn since rights had moved has nothing to be judged."""
_BETWEEN = " | "


@dataclass(frozen=True, slots=True)
class ReviewSet:
    """A sample as it was drawn."""

    id: str
    at: str
    period: Period
    seed: int
    strata: Mapping[str, tuple[int, int]]
    """By name: how many answers there were, and how many of them were drawn."""

    @property
    def answers(self) -> int:
        """Return how many answers it stands for."""
        return sum(size for size, _ in self.strata.values())

    @property
    def size(self) -> int:
        """Return how many were drawn."""
        return sum(count for _, count in self.strata.values())


class Sampling:
    """Draws samples in one workspace."""

    def __init__(self, database: Database, audit: AuditLog, gate: Gate, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._clock = clock
        self._ids = ids

    def draw(self, size: int, span: timedelta, reason: str, who: Principal | None, by: Actor) -> ReviewSet:
        """Draw answers of the last `span` and keep them for review.

        Raises BadInput for no reason, no answers, or fewer than the strata need; NotPermitted by policy.
        """
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.read() as connection:
            self._gate.check(connection, who, REVIEW, WORKSPACE)
        period = Period.of(self._clock.now(), span)
        others = not_waited_for(asked_since(self._audit, period.since))
        answers = [one for one in population(self._database, period, others) if one.status in REVIEWED]
        members = _members(answers, size)
        seed = int.from_bytes(self._ids.random_bytes(7))
        chosen = drawn(members, size, seed)
        made = ReviewSet(
            self._ids.new("set"),
            timestamp(self._clock.now()),
            period,
            seed,
            {name: (len(members[name]), len(ids)) for name, ids in chosen.items()},
        )
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, REVIEW, WORKSPACE)
            self._store(connection, made, chosen, why, by)
            about = {
                **stated,
                "set": made.id,
                "since": period.since,
                "until": period.until,
                "answers": made.answers,
                "size": made.size,
                "strata": len(made.strata),
                "seed": str(seed),
                "reason": self._audit.commitment(why),
            }
            self._audit.append(connection, [Entry("review.drawn", by, about)])
        return made

    def _store(
        self, connection: sa.Connection, made: ReviewSet, chosen: Mapping[str, list[str]], why: str, by: Actor
    ) -> None:
        connection.execute(
            sa.insert(review_set).values(
                id=made.id,
                at=made.at,
                by=by.ref,
                reason=why,
                since=made.period.since,
                until=made.period.until,
                seed=str(made.seed),
                strata=json.dumps({name: list(counts) for name, counts in made.strata.items()}),
            )
        )
        rows = [
            {
                "id": self._ids.new("rev"),
                "review_set": made.id,
                "answer": one,
                "stratum": name,
                "weight": made.strata[name][0] / made.strata[name][1],
            }
            for name, ids in chosen.items()
            for one in ids
        ]
        connection.execute(sa.insert(review_item), rows)


def find_set(connection: sa.Connection, set_id: str) -> ReviewSet:
    """Return a sample; raises NotFound."""
    row = None
    if storable(set_id):
        row = connection.execute(sa.select(review_set).where(review_set.c.id == set_id)).first()
    if row is None:
        raise NotFound("There is no such review set.", fix="Draw one: muniment monitor sample --size 50.")
    return _set(row)


def newest_sets(connection: sa.Connection, most: int) -> list[ReviewSet]:
    """Return samples, the newest first."""
    query = sa.select(review_set).order_by(review_set.c.at.desc(), review_set.c.id).limit(most)
    return [_set(row) for row in connection.execute(query)]


def _set(row: sa.Row[Any]) -> ReviewSet:
    strata = {name: (counts[0], counts[1]) for name, counts in json.loads(row.strata).items()}
    return ReviewSet(row.id, row.at, Period(row.since, row.until), int(row.seed), strata)


def _members(answers: list[Given], size: int) -> dict[str, list[str]]:
    if not answers:
        raise BadInput("There is no answer of that time to review.", fix="Take a longer time with --since.")
    parts = sizes_that_fit([one.key for one in answers], size)
    if parts is None:
        raise BadInput(f"A sample of {size} is too small.", fix="Take at least 4.")
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in answers:
        found[_BETWEEN.join(one.key[:parts])].append(one.id)
    return dict(found)
