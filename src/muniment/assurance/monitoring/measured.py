"""What is read of feedback, outcomes and reviews for the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from muniment.assistant.feedback import feedback
from muniment.assurance.monitoring.labels import PER_ITEM
from muniment.assurance.monitoring.outcomes import RESULTS, reported
from muniment.assurance.monitoring.population import Period
from muniment.assurance.monitoring.tables import review_item, review_label
from muniment.foundation.telemetry.instruments import Read, Reading
from muniment.foundation.telemetry.labels import Label

_SPAN = timedelta(days=7)
_FEEDBACK = Reading(
    "muniment.feedback.recent",
    "Opinions on answers in the last 7 days.",
    Label("muniment.useful", "yes", "no"),
)
_OUTCOMES = Reading(
    "muniment.outcomes.recent",
    "What was reported back of answers, actions and runs in the last 7 days.",
    Label("muniment.outcome", *RESULTS),
)
_WAITING = Reading("muniment.reviews.waiting", "Answers drawn for review that two have not reviewed yet.")


def read(connection: sa.Connection, now: datetime) -> Iterator[Read]:
    """Yield what lies in the tables."""
    period = Period.of(now, _SPAN)
    column = feedback.c
    said = (
        sa.select(column.useful, sa.func.count())
        .where(column.at > period.since, column.at <= period.until)
        .group_by(column.useful)
    )
    opinions = {bool(useful): count for useful, count in connection.execute(said)}
    yield _FEEDBACK.at(opinions.get(True, 0), "yes")
    yield _FEEDBACK.at(opinions.get(False, 0), "no")
    results = reported(connection, period)
    for result in RESULTS:
        yield _OUTCOMES.at(results.get(result, 0), result)
    enough = (
        sa.select(review_label.c.item)
        .where(sa.not_(review_label.c.settles))
        .group_by(review_label.c.item)
        .having(sa.func.count() >= PER_ITEM)
    )
    waiting = sa.select(sa.func.count()).select_from(review_item).where(review_item.c.id.not_in(enough))
    yield _WAITING.at(connection.execute(waiting).scalar() or 0)
