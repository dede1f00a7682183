"""What is counted of actions and of those who approve them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from muniment.actions.risk import CLASSES
from muniment.actions.tables import action, notification
from muniment.foundation.clock import timestamp
from muniment.foundation.telemetry.instruments import Histogram, Read, Reading
from muniment.foundation.telemetry.labels import Label

_MINUTE = 60.0
_CLASS = Label("muniment.action.risk", *CLASSES)
APPROVAL_SECONDS = Histogram(
    "muniment.approval.duration",
    "How long requests waited until somebody decided on them.",
    Label("muniment.decision", "approve", "reject"),
    unit="s",
    bounds=(10.0, 30.0, *(_MINUTE * one for one in (1, 5, 15, 60, 240, 1440, 4320, 10_080))),
)
_WAITING = Reading("muniment.approvals.waiting", "Actions that wait for people.", _CLASS, unit="{action}")
_OLDEST = Reading(
    "muniment.approvals.oldest.age", "Seconds that the oldest of them has waited.", unit="s", merge="max"
)
_UNTOLD = Reading("muniment.notifications.due", "Notifications that are still to be sent.")


def read(connection: sa.Connection, now: datetime) -> Iterator[Read]:
    """Yield what waits."""
    waits = action.c.state == "waiting", action.c.expires_at > timestamp(now)
    of_class = sa.select(action.c.risk, sa.func.count()).where(*waits).group_by(action.c.risk)
    found = {risk: count for risk, count in connection.execute(of_class)}
    for risk in CLASSES:
        yield _WAITING.at(found.get(risk, 0), risk)
    oldest = connection.execute(sa.select(sa.func.min(action.c.created_at)).where(*waits)).scalar()
    yield _OLDEST.at((now - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0)
    due = sa.select(sa.func.count()).select_from(notification).where(notification.c.state == "due")
    yield _UNTOLD.at(connection.execute(due).scalar() or 0)
