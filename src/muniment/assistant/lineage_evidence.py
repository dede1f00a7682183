"""How an answer came about, for people who may not read it: versions, digests and counts, nothing that was written.

Invariant: only what is named here is told, so that what a later version records is left out until somebody adds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

import sqlalchemy as sa

from muniment.assistant.lineage import answer
from muniment.foundation.database import storable
from muniment.governance.audit.entry import Json

TOLD = (
    "model", "endpoint", "instead_of", "parts", "schema", "prompt", "rewritten_by", "policy", "acted_by", "settings",
    "code", "source", "chunking", "searched_at", "most_passages", "replays", "index", "checks",
)  # fmt: skip
OF_A_PASSAGE = (
    "n",
    "document",
    "version",
    "digest",
    "chunking",
    "chunk",
    "span",
    "score",
    "sensitivity",
    "cited",
    "sent",
)


def lineage_evidence(connection: sa.Connection, answer_id: str) -> Mapping[str, Json] | None:
    """Return it with the answer's id, time and principal; None where no such answer is stored.

    Of filters, which somebody wrote, the names alone.
    """
    if not storable(answer_id):
        return None
    columns = (answer.c.id, answer.c.principal, answer.c.at, answer.c.lineage)
    row = connection.execute(sa.select(*columns).where(answer.c.id == answer_id)).first()
    if row is None:
        return None
    stored = cast("Mapping[str, Json]", json.loads(row.lineage))
    passages = cast("Sequence[Mapping[str, Json]]", stored.get("passages") or ())
    return {
        "id": row.id,
        "principal": row.principal,
        "at": row.at,
        **{name: stored[name] for name in TOLD if name in stored},
        "filters": sorted(cast("Mapping[str, Json]", stored.get("filters") or {})),
        "passages": [{name: one[name] for name in OF_A_PASSAGE if name in one} for one in passages],
    }
