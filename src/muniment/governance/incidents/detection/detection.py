"""Looking through the log as it grows.

Invariants:
- each entry is looked at once and in order, however often the process ends in between;
- what is found depends on the log and the settings alone, so that the same log gives the same findings again;
- it opens incidents and freezes what the settings say; it never ends, allows or changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict
from muniment.foundation.repeating import repeated
from muniment.governance.audit.entry import StoredEntry
from muniment.governance.audit.log import AuditLog
from muniment.governance.incidents.detection.detection_settings import Freezes
from muniment.governance.incidents.detection.rule import Rule
from muniment.governance.incidents.incident import Finding, Incident
from muniment.governance.incidents.incidents import Incidents
from muniment.governance.incidents.tables import detection_place

LOOK_SECONDS = 5.0
_AT_ONCE = 200
"""Entries that are looked at before whoever else waits has a turn."""


class Detection:
    """The rules of one workspace, at work."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        incidents: Incidents,
        rules: Callable[[], Sequence[Rule]],
        freezes: Mapping[str, Freezes],
    ) -> None:
        """`rules` makes rules that have read nothing; `freezes` says which kinds of what a rule, by name, touches are
        frozen at once.
        """
        self._database = database
        self._audit = audit
        self._incidents = incidents
        self._make = rules
        self._rules: Sequence[Rule] = ()
        self._freezes = freezes
        self._next: int | None = None
        """The first entry that these rules have not taken in."""

    def watched(self) -> AbstractContextManager[None]:
        """Look, every few seconds, while the block runs."""
        return repeated("detection", LOOK_SECONDS, self.look)

    def look(self) -> Sequence[Incident]:
        """Look at what is new; return the incidents that were opened or added to. Another process may be at it."""
        made: list[Incident] = []
        try:
            with self._database.alone("detection"):
                begins = self._place()
                if self._next != begins:
                    self._warm(begins)
                for found, upto in self._batches(begins):
                    made += [self._incidents.raise_for(one, self._frozen_for(one)) for one in found]
                    self._move(upto)
                    self._next = upto
        except Conflict:
            self._next = None
        return made

    def dry(self, since: int = 0) -> Iterator[Finding]:
        """Yield what the rules find from a place of the log on; nothing is opened, frozen or remembered."""
        self._next, self._rules = None, self._make()
        for found, _ in self._batches(since):
            yield from found

    def _frozen_for(self, finding: Finding) -> list[tuple[str, str]]:
        wanted = self._freezes.get(finding.rule, ())
        return [(kind, name) for kind, name in finding.touches if kind in wanted]

    def _batches(self, begins: int) -> Iterator[tuple[list[Finding], int]]:
        while entries := self._audit.query(after=begins - 1, limit=_AT_ONCE):
            begins = entries[-1].seq + 1
            yield [found for entry in entries for found in self._found(entry)], begins

    def _found(self, entry: StoredEntry) -> Iterator[Finding]:
        if not entry.kind.startswith("incident."):
            for rule in self._rules:
                yield from rule.look(entry)

    def _warm(self, begins: int) -> None:
        """Have new rules read what they must know of before, without raising it again."""
        self._rules = self._make()
        first = self._audit.query(after=begins - 1, limit=1)
        if not first or begins == 0:
            return
        longest = max((rule.minutes for rule in self._rules), default=0.0)
        at = datetime.fromisoformat(first[0].at) - timedelta(minutes=longest)
        place = self._audit.first_since(timestamp(at))
        while place < begins:
            entries = self._audit.query(after=place - 1, limit=min(_AT_ONCE, begins - place))
            for entry in entries:
                for _ in self._found(entry):
                    pass
            place = entries[-1].seq + 1

    def _place(self) -> int:
        with self._database.read() as connection:
            return connection.execute(sa.select(detection_place.c.next)).scalar() or 0

    def _move(self, upto: int) -> None:
        with self._database.write() as connection:
            moved = connection.execute(sa.update(detection_place).values(next=upto))
            if not moved.rowcount:
                connection.execute(sa.insert(detection_place).values(id=1, next=upto))
