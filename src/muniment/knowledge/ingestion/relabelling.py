"""Applying the rules of sensitivity to what is stored, without reading files again.

Invariants:
- without `lower`, no document becomes less sensitive;
- each batch is committed with its entries in the log: what is stopped goes on from there;
- a document that changed while it was judged is left to whoever changed it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.identity.clearance import LEVELS, higher
from muniment.governance.privacy.kinds import Kind
from muniment.knowledge import changes, document_labels, library
from muniment.knowledge.document_labels import NOTHING, DocumentLabel, raised_only
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.ingestion.sensitivity import Facts
from muniment.knowledge.library import DocumentRow, VersionRow
from muniment.knowledge.name_labels import names_near
from muniment.knowledge.stated import stored
from muniment.knowledge.tables import document, document_label, document_version

BATCH = 32
"""Documents that are judged and committed together."""
OnJudged = Callable[[int, int], None]
"""Called with how many documents are done, and how many there are."""
_LIVE = document.c.state == "live"
_OUTDATED = sa.or_(document_label.c.rules.is_(None), document_label.c.rules != sa.bindparam("rules"))
_OPEN = document_label.c.why.like('%"open": true%')
_FROM = sa.outerjoin(document, document_label, document_label.c.document == document.c.id)
_WHICH: dict[str, sa.ColumnElement[bool]] = {"outdated": _OUTDATED, "open": _OPEN, "all": sa.true()}


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What applying the rules did, or would do."""

    documents: int
    """That were judged."""
    raised: int
    lowered: int
    labels: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of those judged that something raises, how many have which label; `unknown` lies above every clearance."""

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "documents": self.documents,
            "raised": self.raised,
            "lowered": self.lowered,
            "labels": dict(self.labels),
        }


@dataclass(frozen=True, slots=True)
class _Judged:
    row: DocumentRow
    label: DocumentLabel


class Relabelling:
    """Judges the stored documents of one workspace."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rules = parts.sensitivity

    def outdated(self) -> int:
        """Return how many documents were judged by other rules than today's, or never."""
        with self._parts.database.read() as connection:
            return self._count(connection, "outdated")

    def raise_outdated(self, by: Actor, on_judged: OnJudged = lambda done, total: None) -> Relabelled:
        """Judge what was judged by other rules; none becomes less sensitive."""
        return self._run("outdated", by, on_judged, lower=False)

    def settle(self, by: Actor) -> Relabelled:
        """Judge anew what was judged before all that a rule asks for was known."""
        return self._run("open", by, lambda done, total: None, lower=False)

    def run(
        self, by: Actor, dry_run: bool = False, on_judged: OnJudged = lambda done, total: None
    ) -> Relabelled:
        """Judge every document; where less raises it than before, it becomes less sensitive."""
        return self._run("all", by, on_judged, lower=True, dry_run=dry_run)

    def moved(self, connection: sa.Connection, rows: Sequence[DocumentRow], by: Actor) -> None:
        """Judge documents at the paths to which they were moved in this transaction; none becomes less sensitive."""
        judged = [self._judged(connection, row, lower=False, before=NOTHING) for row in rows]
        self._store(connection, judged, by, lower=False)

    def _run(
        self, which: str, by: Actor, on_judged: OnJudged, lower: bool, dry_run: bool = False
    ) -> Relabelled:
        database = self._parts.database
        found: Counter[str] = Counter()
        labels: Counter[str] = Counter()
        with database.read() as connection:
            total = self._count(connection, which)
        last, done = "", 0
        while True:
            on_judged(done, total)
            with database.read() as connection:
                names = self._next(connection, which, last)
                rows = library.get_documents(connection, names)
                before = document_labels.labels_of(connection, names)
                judged = [
                    self._judged(connection, row, lower, before.get(row.id, NOTHING)) for row in rows.values()
                ]
            if not names:
                break
            if dry_run:
                entries = self._changes(judged, before, lower)
            else:
                with database.write() as connection:
                    now = library.get_documents(connection, names)
                    still = [one for one in judged if _same(one.row, now.get(one.row.id))]
                    entries = self._store(connection, still, by, lower)
            found.update(str(about["moved"]) for about in entries)
            labels.update(one.label.level for one in judged if one.label.label)
            done += len(judged)
            last = names[-1]
        return Relabelled(done, found["raised"], found["lowered"], dict(sorted(labels.items())))

    def _store(
        self, connection: sa.Connection, judged: Sequence[_Judged], by: Actor, lower: bool
    ) -> list[dict[str, Json]]:
        before = document_labels.labels_of(connection, [one.row.id for one in judged])
        moved = self._changes(judged, before, lower)
        labels = {one.row.id: _decided(one.label, before.get(one.row.id, NOTHING), lower) for one in judged}
        changes.set_labels(connection, labels, timestamp(self._parts.clock.now()))
        entries = [Entry("sensitivity.changed", by, about) for about in moved]
        if entries:
            self._parts.audit.append(connection, entries)
        return moved

    def _changes(
        self, judged: Sequence[_Judged], before: Mapping[str, DocumentLabel], lower: bool
    ) -> list[dict[str, Json]]:
        found: list[dict[str, Json]] = []
        for one in judged:
            was = before.get(one.row.id, NOTHING)
            now = _decided(one.label, was, lower)
            if (direction := _direction(was.label, now.label)) is None:
                continue
            rules: list[Json] = [reason.name for reason in now.reasons if reason.origin == "rule"]
            found.append(
                {
                    "document": one.row.id,
                    "moved": direction,
                    "before": was.level,
                    "now": now.level,
                    "rules": rules,
                    "file": any(reason.origin == "file" for reason in now.reasons),
                    "digest": self._rules.digest,
                }
            )
        return found

    def _count(self, connection: sa.Connection, which: str) -> int:
        query = sa.select(sa.func.count()).select_from(_FROM).where(_LIVE, _WHICH[which])
        return int(connection.execute(query, self._asked(which)).scalar_one())

    def _next(self, connection: sa.Connection, which: str, last: str) -> list[str]:
        query = (
            sa.select(document.c.id)
            .select_from(_FROM)
            .where(_LIVE, _WHICH[which], document.c.id > last)
            .order_by(document.c.id)
            .limit(BATCH)
        )
        return list(connection.execute(query, self._asked(which)).scalars())

    def _asked(self, which: str) -> dict[str, str]:
        return {"rules": self._rules.digest} if which == "outdated" else {}

    def _judged(
        self, connection: sa.Connection, row: DocumentRow, lower: bool, before: DocumentLabel
    ) -> _Judged:
        now = self._of(connection, row, row.version)
        if not lower:
            return _Judged(row, now)
        # Earlier versions are read by whoever may read the document, so what raised them goes on raising it.
        found = {(one.origin, one.name, one.label): one for one in now.reasons}
        query = sa.select(document_version.c.version).where(
            document_version.c.document == row.id, document_version.c.version < row.version
        )
        earlier = sorted(connection.execute(query).scalars())
        reasons = [one for version in earlier for one in self._of(connection, row, version).reasons]
        if earlier:
            # The names in them are not known any more; what was found of them is.
            reasons += [one for one in before.reasons if self._rules.counts_names(one)]
        for one in reasons:
            key = (one.origin, one.name, one.label)
            if not one.open and (key not in found or found[key].open):
                found[key] = replace(one, kept=False)
        return _Judged(row, replace(now, reasons=tuple(found.values())))

    def _of(self, connection: sa.Connection, row: DocumentRow, number: int) -> DocumentLabel:
        version = library.version_row(connection, row.id, number)
        if version is None:
            return DocumentLabel((), self._rules.digest)
        stated = sa.select(document_version.c.stated).where(
            document_version.c.document == row.id, document_version.c.version == number
        )
        current = number == row.version and self._rules.asks_for_names
        facts = Facts(
            source=row.source,
            path=row.path,
            media_type=row.media_type,
            text=version.text,
            units=version.units,
            stated=stored(connection.execute(stated).scalar()),
            names=_names(connection, version) if current else None,
        )
        return self._rules.of(facts)


def _names(connection: sa.Connection, version: VersionRow) -> Mapping[Kind, int] | None:
    found = names_near(connection, version, 0, len(version.text))
    return None if found is None else Counter(one.kind for one in found)


def _decided(now: DocumentLabel, before: DocumentLabel, lower: bool) -> DocumentLabel:
    return now if lower else raised_only(before, now)


def _direction(before: str, now: str) -> str | None:
    """Return which way a label moves, None where it holds back the same as before."""
    was, will = before or LEVELS[0], now or LEVELS[0]
    if higher(was, will) != was:
        return "raised"
    return "lowered" if higher(will, was) != will else None


def _same(judged: DocumentRow, now: DocumentRow | None) -> bool:
    return now is not None and (judged.version, judged.path) == (now.version, now.path)
