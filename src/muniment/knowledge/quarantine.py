"""What nobody may read until a person has looked at it, as the rules of access see it.

Invariants:
- a decision is about one content of one document: other bytes are another case;
- a document whose current content is not let through is nobody's, so that no earlier version answers in its place;
- a version that is not let through stays withheld after a later one took its place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import sqlalchemy as sa

from muniment.foundation.database import metadata
from muniment.knowledge.tables import document, document_version

State = Literal["held", "released", "rejected"]

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("content_hash", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("held_at", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('held', 'released', 'rejected')", name="quarantine_state"),
    sa.Index("quarantine_of_state", "state", "held_at"),
)
_KEPT_BACK = quarantine.c.state != "released"
_MINE = sa.and_(quarantine.c.document == document.c.id, quarantine.c.content_hash == document.c.content_hash)
STANDS = sa.exists().where(_MINE, _KEPT_BACK)
"""The condition for a document whose current content is not let through."""
_WAITS = sa.exists().where(_MINE, quarantine.c.state == "held")


@dataclass(frozen=True, slots=True)
class Case:
    """One content of one document that was held back, and what was decided."""

    document: str
    content_hash: str
    version: int
    """The latest version of this content."""
    kinds: tuple[str, ...]
    """The kinds of flags for which it was held."""
    state: State
    held_at: str
    reason: str
    by: str
    at: str
    """Of the decision; empty while there is none."""

    @property
    def id(self) -> str:
        """Return the name by which people speak of it; it holds for these bytes alone."""
        return f"{self.document}.{self.content_hash[:20]}"


def held_in(connection: sa.Connection, source_name: str) -> frozenset[tuple[str, str]]:
    """Return the documents of a source that have content which is not let through, each with that content."""
    query = (
        sa.select(quarantine.c.document, quarantine.c.content_hash)
        .join(document, document.c.id == quarantine.c.document)
        .where(document.c.source == source_name, _KEPT_BACK)
    )
    return frozenset((row.document, row.content_hash) for row in connection.execute(query))


def held_now(connection: sa.Connection, source_name: str) -> int:
    """Return how many live documents of a source wait for a decision."""
    query = (
        sa.select(sa.func.count())
        .select_from(document)
        .where(document.c.source == source_name, document.c.state == "live", _WAITS)
    )
    return int(connection.execute(query).scalar_one())


def case_of(connection: sa.Connection, document_id: str, content_hash: str) -> Case | None:
    """Return what stands about one content, or None."""
    query = sa.select(quarantine).where(
        quarantine.c.document == document_id, quarantine.c.content_hash == content_hash
    )
    row = connection.execute(query).first()
    return _case(row) if row else None


def cases_named(connection: sa.Connection, name: str) -> list[Case]:
    """Return the cases of a name: one, or none, or several where somebody made two contents alike."""
    document_id, dot, beginning = name.rpartition(".")
    if not dot or len(beginning) != 20 or not beginning.isalnum():
        return []
    query = sa.select(quarantine).where(
        quarantine.c.document == document_id, quarantine.c.content_hash.startswith(beginning, autoescape=True)
    )
    return [_case(row) for row in connection.execute(query)]


def cases(
    connection: sa.Connection, state: State, sources: Collection[str], limit: int, current: bool = True
) -> list[Case]:
    """Return cases of live documents of these sources, the longest held first; `current`: of what stands now."""
    query = (
        sa.select(quarantine)
        .join(document, document.c.id == quarantine.c.document)
        .where(
            document.c.state == "live", document.c.source.in_(sorted(sources)), quarantine.c.state == state
        )
        .order_by(quarantine.c.held_at, quarantine.c.document)
        .limit(limit)
    )
    if current:
        query = query.where(quarantine.c.content_hash == document.c.content_hash)
    return [_case(row) for row in connection.execute(query)]


def released_before(connection: sa.Connection, source_name: str, content_hash: str) -> list[Case]:
    """Return the decisions by which this content was let through in this source, whatever the document."""
    query = (
        sa.select(quarantine)
        .join(document, document.c.id == quarantine.c.document)
        .where(
            document.c.source == source_name,
            quarantine.c.content_hash == content_hash,
            quarantine.c.state == "released",
        )
    )
    return [_case(row) for row in connection.execute(query)]


def put_case(connection: sa.Connection, case: Case) -> None:
    """Store a case, and withhold the versions of its content or let them through; access is ruled by the caller."""
    mine = sa.and_(quarantine.c.document == case.document, quarantine.c.content_hash == case.content_hash)
    connection.execute(sa.delete(quarantine).where(mine))
    connection.execute(
        sa.insert(quarantine).values(
            document=case.document,
            content_hash=case.content_hash,
            version=case.version,
            kinds=json.dumps(case.kinds),
            state=case.state,
            held_at=case.held_at,
            reason=case.reason,
            by=case.by,
            at=case.at,
        )
    )
    connection.execute(
        sa.update(document_version)
        .where(
            document_version.c.document == case.document,
            document_version.c.content_hash == case.content_hash,
        )
        .values(withheld=int(case.state != "released"))
    )


def withheld_text(connection: sa.Connection, case: Case) -> str | None:
    """Return the text that a reviewer is to judge; only after it was decided that they may read the document."""
    table = document_version.c
    query = sa.select(table.text).where(table.document == case.document, table.version == case.version)
    return connection.execute(query).scalar()


def withheld_versions(connection: sa.Connection, documents: Sequence[str]) -> set[tuple[str, int]]:
    """Return the versions of up to 500 documents that are not let through."""
    table = document_version.c
    query = sa.select(table.document, table.version).where(
        table.document.in_(list(documents)), table.withheld != 0
    )
    return {(row.document, row.version) for row in connection.execute(query)}


def _case(row: sa.Row[tuple[object, ...]]) -> Case:
    return Case(
        row.document,
        row.content_hash,
        row.version,
        tuple(json.loads(row.kinds)),
        cast("State", row.state),
        row.held_at,
        row.reason,
        row.by,
        row.at,
    )
