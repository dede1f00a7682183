"""What is frozen, whatever else says that it may be used: accounts, sources, tools and model endpoints.

Who freezes and who ends it is for `incidents`; whoever gives way looks here, in the snapshot that it works on.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from muniment.foundation.database import metadata

Frozen = Literal["user", "service", "source", "tool", "endpoint"]

frozen = sa.Table(
    "frozen",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)


def is_frozen(connection: sa.Connection, kind: Frozen, name: str) -> bool:
    """Return whether something is frozen now."""
    query = sa.select(sa.exists().where(frozen.c.kind == kind, frozen.c.name == name))
    return bool(connection.execute(query).scalar())
