"""Titles of documents for one reader: of one that they may not read there is none."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from muniment.foundation.database import storable
from muniment.foundation.errors import Denied
from muniment.governance.policy.decision import WORKSPACE
from muniment.governance.policy.rules import Standing
from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval.visibility import visible

_AT_ONCE = 500


def titles_of(connection: sa.Connection, standing: Standing, names: Iterable[str]) -> dict[str, str | None]:
    """Return the title of each of these that is a document; None where this reader may not read it."""
    ids = [one for one in dict.fromkeys(names) if one and storable(one)]
    rows: dict[str, DocumentRow] = {}
    for at in range(0, len(ids), _AT_ONCE):
        rows |= library.get_documents(connection, ids[at : at + _AT_ONCE])
    if not rows:
        return {}
    try:
        sees = visible(connection, standing.principal)
    except Denied:
        return dict.fromkeys(rows)
    allowed = standing.decide("read_document", WORKSPACE).allowed
    return {one: row.title if allowed and sees.may_read(row) else None for one, row in rows.items()}
