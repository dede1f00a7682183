"""When what happened on the way to an answer, told from the log, and what it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from muniment.assistant.lineage import Explanation, answer
from muniment.foundation.clock import timestamp
from muniment.foundation.database import Database
from muniment.governance.audit.entry import StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.query import naming

_ASKED, _CLAIM = "answer.request", "answer.claim"
_DONE = ("answer.finished", "answer.refused")
_BEFORE = timedelta(seconds=60)
"""How much earlier than its own time says an answer may have been asked for: others may have gone first."""
_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Took:
    """Times are RFC 3339, UTC; empty where the log does not hold them any more."""

    asked_at: str
    searched_at: str
    first_claim_at: str
    finished_at: str
    ms: float
    """All of it together."""
    usage: Mapping[str, int | float]
    """Tokens and cost, as the answer gave them."""


class Stages:
    """The stages of the answers of one workspace."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def of(self, found: Explanation) -> Took:
        """Return when what happened for an answer; that its reader may have it was found when it was explained."""
        with self._database.read() as connection:
            stored = connection.execute(sa.select(answer.c.answer).where(answer.c.id == found.id)).scalar()
            kept = cast("Mapping[str, object]", json.loads(stored or "{}"))
            ms = float(str(kept.get("took_ms") or 0))
            at = datetime.fromisoformat(found.at)
            since = timestamp(at - timedelta(milliseconds=ms) - _BEFORE)
            kinds = (_ASKED, _CLAIM, *_DONE)
            entries = naming(self._audit, connection, found.id, kinds, since, timestamp(at + _AFTER))
        mine = [one for one in entries if one.about.get("answer") == found.id]
        return Took(
            asked_at=_first(mine, _ASKED),
            searched_at=str(found.lineage.get("searched_at") or ""),
            first_claim_at=_first(mine, _CLAIM),
            finished_at=_first(mine, *_DONE) or found.at,
            ms=ms,
            usage=cast("Mapping[str, int | float]", kept.get("usage") or {}),
        )


def _first(entries: list[StoredEntry], *kinds: str) -> str:
    return next((one.at for one in entries if one.kind in kinds), "")
