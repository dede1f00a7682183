"""The stored answers of a period, as what monitoring tells apart and counts; never their text.

Invariant: answers to a suite's questions, and earlier answers done again, are not of the population: nobody waited
for them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa

from muniment.assistant.feedback import feedback
from muniment.assistant.lineage import answer
from muniment.foundation.clock import timestamp
from muniment.foundation.database import Database
from muniment.governance.audit.entry import StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.recent import time_behind
from muniment.knowledge.tables import document

ASKED, REFUSED = "answer.request", "answer.refused"
NO_SOURCE, SEVERAL = "none", "several"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Period:
    """After a moment and until another, both RFC 3339 in UTC."""

    since: str
    until: str

    @staticmethod
    def of(until: datetime, span: timedelta) -> Period:
        """Return the time that ends then and is so long."""
        return Period(timestamp(until - span), timestamp(until))


@dataclass(frozen=True, slots=True)
class Given:
    """One stored answer."""

    id: str
    status: str
    version: str
    """Model and prompt that made it."""
    prompt: str
    source: str
    """Where what it cites, or what was found for it, comes from; `none` or `several` where that is not one."""
    took_ms: float
    released: int
    unverified: int
    """Statements that were left out since the passages did not prove them."""
    score: float | None
    """Of the best passage."""
    useful: bool | None
    """What its asker said of it, if anything."""

    @property
    def cell(self) -> tuple[str, str, str]:
        """Return what may tell askers who say something from those who do not, what matters most first."""
        return self.status, self.source, self.version

    @property
    def key(self) -> tuple[str, ...]:
        """Return the parts of its stratum, what matters most first."""
        return (
            self.status,
            "feedback" if self.useful is not None else "no feedback",
            self.source,
            self.version,
        )


def shortened(connection: sa.Connection, period: Period, most: int) -> tuple[Period, bool]:
    """Return the end of a period that holds at most so many stored answers, and whether it is not the whole."""
    within = (answer.c.at > period.since, answer.c.at <= period.until)
    one_more = sa.select(answer.c.at).where(*within).order_by(answer.c.at.desc()).offset(most).limit(1)
    first = connection.execute(one_more).scalar()
    return (period, False) if first is None else (Period(first, period.until), True)


def population(database: Database, period: Period, others: Collection[str]) -> list[Given]:
    """Return the answers that somebody asked for in a period, oldest first; `others` nobody waited for."""
    within = (answer.c.at > period.since, answer.c.at <= period.until)
    with database.read() as connection:
        rows = connection.execute(
            sa.select(answer.c.id, answer.c.answer, answer.c.lineage, feedback.c.useful)
            .join_from(answer, feedback, feedback.c.answer == answer.c.id, isouter=True)
            .where(*within)
            .order_by(answer.c.at, answer.c.id)
        ).mappings()
        kept = [row for row in rows if row["id"] not in others]
        read = [(row, json.loads(row["answer"]), json.loads(row["lineage"])) for row in kept]
        read = [one for one in read if "replays" not in one[2]]
        named = {name for _, kept, lineage in read for name in _counted(kept, lineage)}
        source_of = sources_of(connection, named)
    return [_given(row, kept, lineage, source_of) for row, kept, lineage in read]


def shortened_to_asked(connection: sa.Connection, period: Period, most: int) -> tuple[Period, bool]:
    """Return the end of a period in which so many questions were put at most, and whether it is not the whole."""
    first = time_behind(connection, (ASKED, REFUSED), period.since, period.until, most)
    return (period, False) if first is None else (Period(first, period.until), True)


def asked_since(audit: AuditLog, at: str, *more: str, most: int | None = None) -> list[StoredEntry]:
    """Return what the log holds of questions, and of `more` kinds, since shortly before a time; `most`: the newest.

    A question is put on record before its answer is stored, by a day at most. Reading the log takes longer than all
    else here, so it is read once, and people have the names there that the log has for them.
    """
    begin = timestamp(datetime.fromisoformat(at) - timedelta(days=1))
    return audit.spelled_since(begin, [ASKED, *more], most)


def not_waited_for(entries: Iterable[StoredEntry]) -> frozenset[str]:
    """Return the answers that were asked for in the name of somebody else, as runs of suites are."""
    return frozenset(
        str(one.about["answer"])
        for one in entries
        if one.kind == ASKED and one.about.get("principal") not in (one.actor, None)
    )


def sources_of(connection: sa.Connection, documents: Collection[str]) -> Mapping[str, str]:
    """Return the source of each document, removed ones included."""
    found: dict[str, str] = {}
    ordered = sorted(documents)
    for start in range(0, len(ordered), _AT_ONCE):
        some = document.c.id.in_(ordered[start : start + _AT_ONCE])
        rows = connection.execute(sa.select(document.c.id, document.c.source).where(some))
        found.update((row.id, row.source) for row in rows)
    return found


def cited(kept: Mapping[str, Any]) -> list[str]:
    """Return the documents that a stored answer cites, each once, in order."""
    return list(dict.fromkeys(c["document"] for claim in kept["claims"] for c in claim["citations"]))


def considered(lineage: Mapping[str, Any]) -> list[str]:
    """Return the documents whose passages were before the answer, best first."""
    passages = cast("Sequence[Mapping[str, Any]]", lineage.get("passages", ()))
    return list(dict.fromkeys(str(one["document"]) for one in passages))


def _counted(kept: Mapping[str, Any], lineage: Mapping[str, Any]) -> list[str]:
    """Return the documents that say where an answer comes from."""
    return cited(kept) or considered(lineage)[:1]


def _given(
    row: sa.RowMapping, kept: Mapping[str, Any], lineage: Mapping[str, Any], source_of: Mapping[str, str]
) -> Given:
    names = {source_of.get(one, NO_SOURCE) for one in _counted(kept, lineage)}
    checks, passages = lineage.get("checks", {}), lineage.get("passages", ())
    scores = [float(one["score"]) for one in passages if "score" in one]
    prompt = str(lineage.get("prompt", ""))
    return Given(
        id=str(row["id"]),
        status=kept["status"],
        version=f"{lineage.get('model', '')} {prompt}",
        prompt=prompt,
        source=names.pop() if len(names) == 1 else (SEVERAL if names else NO_SOURCE),
        took_ms=float(kept.get("took_ms", 0.0)),
        released=len(kept["claims"]),
        unverified=int(checks.get("unverified", 0)),
        score=max(scores, default=None),
        useful=row["useful"],
    )
