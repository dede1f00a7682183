"""What is counted of connected sources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from muniment.foundation.telemetry.instruments import Histogram, Read, Reading
from muniment.foundation.telemetry.labels import Label
from muniment.governance.identity import outside
from muniment.knowledge.measured import SOURCE
from muniment.knowledge.syncing.tables import source_connection, source_item
from muniment.knowledge.tables import document

_LAGS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_STATE = Label("muniment.item.state", "waiting", "dead")
_LAG = Reading(
    "muniment.source.revocation.lag",
    "Seconds since the reading of access began that is in force: no revocation made earlier is missed.",
    SOURCE,
    unit="s",
    merge="max",
)
PASS_LAG = Histogram(
    "muniment.source.pass.lag",
    "The longest that a revocation can have waited that came into force with a pass over access.",
    SOURCE,
    unit="s",
    bounds=_LAGS,
)
_WITHHELD = Reading(
    "muniment.source.withheld",
    "Documents that are withheld since what is known of who may read them is too old.",
    SOURCE,
    unit="{document}",
)
_ITEMS = Reading(
    "muniment.source.items", "Items that wait to be read, or were given up.", SOURCE, _STATE, unit="{item}"
)


def read(connection: sa.Connection, now: datetime) -> Iterator[Read]:
    """Yield what the mirror itself tells."""
    stated = sa.select(source_connection.c.source).where(source_connection.c.state != "leaving")
    names = sorted(connection.execute(stated).scalars())
    if not names:
        return
    SOURCE.admit(names)
    at, leases = now.timestamp(), outside.leases(connection)
    late = [name for name in names if name not in leases or not leases[name].runs(at)]
    held = dict.fromkeys(names, 0)
    if late:
        query = (
            sa.select(document.c.source, sa.func.count())
            .where(document.c.source.in_(late), document.c.state == "live")
            .group_by(document.c.source)
        )
        held |= {name: int(count) for name, count in connection.execute(query)}
    for name in names:
        if name in leases:
            yield _LAG.at(max(0.0, at - leases[name].as_of), name)
        yield _WITHHELD.at(held[name], name)
    states = (
        sa.select(source_item.c.source, source_item.c.state, sa.func.count())
        .where(source_item.c.state.in_(("waiting", "dead")))
        .group_by(source_item.c.source, source_item.c.state)
    )
    counts = {(name, state): int(count) for name, state, count in connection.execute(states)}
    for name in names:
        for state in ("waiting", "dead"):
            yield _ITEMS.at(counts.get((name, state), 0), name, state)


def passed(name: str, waited: float) -> None:
    """Count a pass over access that came to its end."""
    SOURCE.admit([name])
    PASS_LAG.observe(waited, name)
