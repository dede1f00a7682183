"""What of a source could not be read, counted by why, without a word of any item."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from muniment.knowledge.syncing.tables import source_item


@dataclass(frozen=True, slots=True)
class Trouble:
    """Items that cannot be read for one reason."""

    why: str
    """As `connector.Why`, or `content`."""
    given_up: bool
    """Whether they are tried again only when somebody asks for it."""
    items: int
    withheld: int
    """Of them, those of which an earlier version is stored."""
    attempts: int
    """At one of them, at most."""


def troubles(connection: sa.Connection, source: str) -> list[Trouble]:
    """Return what of a source could not be read, most items first."""
    number = sa.func.count()
    query = (
        sa.select(
            source_item.c.why,
            source_item.c.state,
            number,
            sa.func.count(source_item.c.document),
            sa.func.max(source_item.c.attempts),
        )
        .where(
            source_item.c.source == source,
            sa.or_(
                source_item.c.state == "dead",
                sa.and_(source_item.c.state == "waiting", source_item.c.attempts > 0),
            ),
        )
        .group_by(source_item.c.why, source_item.c.state)
        .order_by(number.desc(), source_item.c.why)
    )
    return [
        Trouble(why, state == "dead", int(items), int(withheld), int(attempts))
        for why, state, items, withheld, attempts in connection.execute(query)
    ]
