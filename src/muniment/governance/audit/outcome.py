"""How what an entry states came out: done, refused or failed, told by its kind and by a decision that it states."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from muniment.governance.audit.tables import audit_entry

Outcome = Literal["done", "refused", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("done", "refused", "failed")
_REFUSED_HOLDS = "refused"
_REFUSED_ENDS = (".denied", ".rejected")
_FAILED_ENDS = ("failed", ".unknown", "_behind", ".behind", ".contradicts", ".lost", "_lost", "_quarantined")
_DENIED = b'"effect":"deny"'


def outcome_of(kind: str, body: bytes) -> Outcome:
    """Return how an entry came out; `body` is its canonical JSON."""
    if _REFUSED_HOLDS in kind or kind.endswith(_REFUSED_ENDS) or _DENIED in body:
        return "refused"
    return "failed" if kind.endswith(_FAILED_ENDS) else "done"


def outcome_column(dialect: str) -> sa.ColumnElement[str]:
    """Return what `outcome_of` says of each row, as the database tells it."""
    kind = audit_entry.c.kind
    refused = sa.or_(
        kind.contains(_REFUSED_HOLDS, autoescape=True),
        *(kind.endswith(end, autoescape=True) for end in _REFUSED_ENDS),
        holds(_DENIED, dialect),
    )
    failed = sa.or_(*(kind.endswith(end, autoescape=True) for end in _FAILED_ENDS))
    return sa.case((refused, "refused"), (failed, "failed"), else_="done")


def holds(needle: bytes, dialect: str) -> sa.ColumnElement[bool]:
    """Return whether a row's canonical JSON holds these bytes."""
    if dialect == "postgresql":
        within = sa.func.position(sa.literal(needle, sa.LargeBinary).op("IN")(audit_entry.c.body))
    else:
        within = sa.func.instr(audit_entry.c.body, sa.literal(needle, sa.LargeBinary))
    return within > 0
