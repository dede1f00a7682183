"""Removing what is older than the settings let it be kept; never an entry of the log.

Invariants:
- what a legal hold names stays, whatever its age;
- what is removed is counted in an entry that commits with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict
from muniment.foundation.repeating import repeated
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.privacy.holds import WORKSPACE, standing_holds
from muniment.governance.privacy.retention_settings import RetentionSettings

EVERY = 3600.0
"""Seconds between sweeps of a server."""
_WORK = "retention"
_ITSELF = Actor("muniment", "python")
ForgetRuns = Callable[[sa.Connection, int, frozenset[str]], int]
"""Removes workflow runs that ended before a time in milliseconds, but those of these people; returns how many."""


@dataclass(frozen=True, slots=True)
class _Class:
    table: str
    at: str
    person: str
    children: tuple[tuple[str, str], ...] = ()
    """Tables whose rows name one of these, and the column that does."""
    but: tuple[str, str] = ("", "")
    """A column, and what it says of rows that stay whatever their age."""


_CLASSES: Mapping[str, _Class] = {
    "conversations": _Class(
        "conversation",
        "changed",
        "owner",
        (("conversation_turn", "conversation"), ("conversation_share", "conversation")),
    ),
    "answers": _Class(
        "answer",
        "at",
        "principal",
        (
            ("feedback", "answer"),
            ("review_item", "answer"),
            ("review_label", "answer"),
            ("outcome", "target"),
        ),
    ),
    "feedback": _Class("feedback", "at", "principal"),
    "notifications": _Class("notification", "changed_at", "person", but=("state", "due")),
}


class Retention:
    """The sweeps of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        kept: RetentionSettings,
        forget_runs: ForgetRuns,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._kept = kept
        self._forget_runs = forget_runs

    @property
    def is_on(self) -> bool:
        """Return whether anything is ever removed."""
        return any(self._kept.model_dump().values())

    def sweep(self, by: Actor = _ITSELF) -> Mapping[str, int]:
        """Remove what is too old; return how many of each class. Raises Conflict where another sweep runs."""
        if not self.is_on:
            return {}
        with self._database.alone(_WORK), self._database.write() as connection:
            holds = {one.subject for one in standing_holds(connection)}
            if WORKSPACE in holds:
                return {}
            removed = {
                name: count
                for name, days in self._kept.model_dump().items()
                if days and (count := self._swept(connection, name, days, frozenset(holds)))
            }
            if removed:
                kept = {name: self._kept.model_dump()[name] for name in removed}
                about = {"removed": removed, "days": kept, "held": len(holds)}
                self._audit.append(connection, [Entry("privacy.swept", by, about)])
        if removed:
            self._database.scrub()
        return removed

    def watched(self) -> AbstractContextManager[None]:
        """Sweep every hour while the block runs; do nothing where all is kept for ever."""
        return repeated("retention", EVERY, self._try) if self.is_on else nullcontext()

    def _try(self) -> None:
        # Another process of this workspace may be sweeping.
        with suppress(Conflict):
            self.sweep()

    def _swept(self, connection: sa.Connection, name: str, days: int, held: frozenset[str]) -> int:
        before = self._clock.now() - timedelta(days=days)
        if name == "workflow_runs":
            return self._forget_runs(connection, int(before.timestamp() * 1000), held)
        one = _CLASSES[name]
        key = "answer" if one.table == "feedback" else "id"
        old = [sa.column(one.at, sa.Text) < timestamp(before)]
        old += [sa.column(one.person, sa.Text).not_in(sorted(held))] * bool(held)
        if one.but[0]:
            old.append(sa.column(one.but[0], sa.Text) != one.but[1])
        ids = sa.select(sa.column(key)).select_from(sa.table(one.table)).where(*old)
        for table, column in one.children:
            connection.execute(sa.delete(sa.table(table)).where(sa.column(column).in_(ids)))
        return connection.execute(sa.delete(sa.table(one.table)).where(*old)).rowcount
