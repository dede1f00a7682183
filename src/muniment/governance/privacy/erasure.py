"""Erasing a person: from the tables now, and by the loss of their key from the log, its exports and old backups.

Invariants:
- what is held is not erased, and asking for it is on record;
- the rows, the tombstone and the entry commit together; the key goes out of the file before anything is reported;
- what was erased stays erased when an older backup is restored: the file has forgotten it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation import revisions
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, NotFound, NotSetUp
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.pseudonyms import log_name
from muniment.governance.audit.subjects import PERSON, Subjects
from muniment.governance.audit.tables import audit_entry
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.governance.privacy.decisions import erase_rows, people_named
from muniment.governance.privacy.holds import Hold, checked_reason, may_govern, standing_holds

LOST = "subject:erased"
"""Stands for somebody whose pseudonym nobody can know any more."""
Forget = Callable[[sa.Connection, str, str, Actor], tuple[Mapping[str, int], Sequence[Entry]]]
"""What a room above does of its own: given the name, what stands for it and who asked; returns rows and entries."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did, or would do."""

    pseudonym: str
    rows: Mapping[str, int]
    """How many rows, by table and what happened to them."""
    plain_entries: int
    """Entries of the log from before it had pseudonyms: they keep the name, and cannot be changed."""
    scrubbed: bool = False
    """Whether nothing of it is left in what the database keeps beside its tables."""


class Held(Conflict):
    """A legal hold keeps what was to be erased."""

    code = "held"


class _DryRun(Exception):
    def __init__(self, found: Erased) -> None:
        self.found = found


class Erasure:
    """Erases people of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        subjects: Subjects,
        gate: Gate,
        rooms: Sequence[Forget],
    ) -> None:
        self._database = database
        self._audit = audit
        self._subjects = subjects
        self._gate = gate
        self._rooms = rooms

    def plan(self, name: str, who: Principal | None, by: Actor) -> Erased:
        """Return what `erase` would do; nothing is changed. Raises as it does."""
        try:
            with self._gate.recorded(by), self._database.write() as connection:
                self._check(connection, name, who)
                raise _DryRun(self._erase(connection, ref_of(name), by)[0])
        except _DryRun as done:
            return done.found

    def erase(self, name: str, reason: str, who: Principal | None, by: Actor) -> Erased:
        """Erase somebody; raises Held while a hold keeps them, NotFound where nothing is known of them.

        `who` is None for the operator, about whom policy is not asked. Raises Unavailable where the file of keys
        cannot be written: asking again finishes it.
        """
        ref, why = ref_of(name), checked_reason(reason)
        if ref.partition(":")[2].casefold() in why.casefold():
            raise BadInput(
                "The reason names the person, and stays in the log.", fix="Say it without the name."
            )
        try:
            with self._gate.recorded(by), self._database.write() as connection:
                stated = self._check(connection, name, who)
                found, entries = self._erase(connection, ref, by)
                about = {**stated, "subject": found.pseudonym, "reason": why, "rows": found.rows}
                self._audit.append(connection, [*entries, Entry("privacy.erased", by, about)])
        except Held as held:
            self._audit.record([Entry("privacy.erasure_refused", by, {"subject": ref, "reason": held.code})])
            raise
        except NotFound:
            # What an earlier attempt committed and could not finish.
            self._subjects.settle(self._database)
            self._database.scrub()
            raise
        self._subjects.settle(self._database)
        return Erased(found.pseudonym, found.rows, found.plain_entries, self._database.scrub())

    def catch_up(self, connection: sa.Connection, by: Actor, *, without_keys: bool = False) -> int:
        """Erase again, in an older copy of the database, whom its keys have forgotten since; return how many.

        `without_keys` begins with new keys where there are none: who was erased cannot be known then. Raises
        NotSetUp where there are none and nobody said so.
        """
        state = self._subjects.state(connection)
        if state == "missing" and not without_keys:
            raise NotSetUp(
                "The keys of people in the log are missing, and with them who was erased since.",
                fix="Give the newest keys/subjects.key with --subjects FILE; without it, --without-subjects lets the "
                "names of the log stay pseudonyms and brings back whom this backup holds.",
            )
        if state == "missing":
            self._subjects.renew(connection)
            self._audit.append(connection, [Entry("privacy.keys_lost", by, {})])
            return 0
        missed = self._subjects.unapplied(connection, people_named(connection))
        for ref in missed:
            found, entries = self._erase(connection, ref, by)
            about = {"subject": found.pseudonym, "reason": "restored", "rows": found.rows}
            self._audit.append(connection, [*entries, Entry("privacy.erased", by, about)])
        return len(missed)

    def _check(self, connection: sa.Connection, name: str, who: Principal | None) -> dict[str, str]:
        stated = may_govern(self._gate, connection, who)
        holds = standing_holds(connection, ref_of(name))
        if holds:
            raise Held(
                f"{_said(holds)}: nothing was erased.",
                fix="Lift it with `muniment privacy hold lift ID` first.",
            )
        return stated

    def _erase(self, connection: sa.Connection, ref: str, by: Actor) -> tuple[Erased, Sequence[Entry]]:
        known = self._subjects.is_known(connection, ref)
        pseudonym = self._subjects.forget(connection, ref)
        instead = LOST if pseudonym is None else log_name(pseudonym)
        rows: dict[str, int] = {}
        entries: list[Entry] = []
        for room in self._rooms:
            counted, said = room(connection, ref, instead, by)
            rows |= counted
            entries += said
        rows |= erase_rows(connection, ref, instead)
        plain = sa.select(sa.func.count()).select_from(audit_entry).where(audit_entry.c.actor == ref)
        before = connection.execute(plain).scalar_one()
        if not (rows or known or before):
            raise NotFound(f"Nothing is known of {ref}.", fix="See `muniment directory list`.")
        for counter in ("directory", "access"):
            revisions.bump(connection, counter)
        return Erased(instead, rows, before), entries


def ref_of(name: str) -> str:
    """Return the ref of a person; raises BadInput for anybody else."""
    ref = name if ":" in name else f"{PERSON}{name}"
    if not ref.startswith(PERSON) or ref == PERSON:
        raise BadInput(f"{name[:64]} is not a person.", fix="Name a user, such as alice.")
    return ref


def _said(holds: Sequence[Hold]) -> str:
    return " and ".join(f"{one.id} holds {one.subject}" for one in holds)
