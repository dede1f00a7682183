"""What ingestion noted about versions: data only, and how it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import sqlalchemy as sa

from muniment.foundation.database import metadata

FlagKind = Literal["injection", "invisible", "boilerplate", "repeated", "duplicate", "near_duplicate"]
Severity = Literal["low", "medium", "high"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")
"""From what is worth knowing to what is worth stopping for."""

_ALONE = frozenset({"injection", "invisible", "boilerplate"})

document_flag = sa.Table(
    "document_flag",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that a version was flagged for."""

    kind: FlagKind
    severity: Severity
    spans: tuple[tuple[int, int], ...] = ()
    """Where, in characters of the version's text; not all of them where there are many."""
    found: tuple[str, ...] = ()
    """What, by name: patterns, or kinds of hidden text. Never words of the document."""
    others: Mapping[str, float] = field(default_factory=dict[str, float])
    """Documents that it is like, and how much, from 0 to 1; some of them where there are many."""
    count: int = 0
    """How much of it there is, where that is more than `spans` lists."""

    @property
    def alone(self) -> bool:
        """Return whether it depends on the version alone: only then it tells its reader of nothing else."""
        return self.kind in _ALONE


def flags_of(connection: sa.Connection, document: str, version: int) -> list[Flag]:
    """Return the flags of a version, ordered by kind."""
    table = document_flag.c
    query = (
        sa.select(table.kind, table.severity, table.detail)
        .where(table.document == document, table.version == version)
        .order_by(table.kind)
    )
    return [_flag(*row) for row in connection.execute(query)]


def put_flags(connection: sa.Connection, document: str, version: int, flags: Sequence[Flag], at: str) -> None:
    """Store the flags of a version in place of earlier ones."""
    table = document_flag.c
    connection.execute(sa.delete(document_flag).where(table.document == document, table.version == version))
    rows = [
        {
            "document": document,
            "version": version,
            "kind": one.kind,
            "severity": one.severity,
            "detail": json.dumps(
                {"spans": one.spans, "found": one.found, "others": dict(one.others), "count": one.count}
            ),
            "at": at,
        }
        for one in flags
    ]
    if rows:
        connection.execute(sa.insert(document_flag), rows)


def _flag(kind: str, severity: str, detail: str) -> Flag:
    said = cast("dict[str, Any]", json.loads(detail))
    return Flag(
        cast("FlagKind", kind),
        cast("Severity", severity),
        tuple((int(start), int(end)) for start, end in said["spans"]),
        tuple(said["found"]),
        said["others"],
        said["count"],
    )
