"""Bringing checkpoints to the witnesses of this log, each by itself, and saying so where one is behind.

Invariants:
- what is brought next is the newest checkpoint, proved from what the witness itself says that it last saw;
- a cosignature is kept only if it holds for the key that is known for the witness;
- a witness that cannot be reached holds up no other, and nothing but its own alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, MunimentError, Tampered
from muniment.foundation.repeating import repeated
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.cosignature import cosigned_at, read_key
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.proofs import Proofs
from muniment.governance.audit.tables import audit_checkpoint, audit_witness
from muniment.governance.audit.verification import Verification
from muniment.governance.audit.witness import NOTHING, Forked, RolledBack, Seen, Witness, check_growth

LOOK_SECONDS = 5.0
"""How often a server looks whether a checkpoint is due, and whether a witness lacks one."""
PAUSE_SECONDS = 30.0
"""How long a witness that failed is left alone."""
_ITSELF = Actor("muniment", "python")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a witness of the log is."""

    name: str
    size: int
    """Entries that its last checkpoint covers."""
    at: str
    """When it took that; empty: never."""
    waiting: int
    """Entries that are signed for and that it has not seen."""
    behind: bool
    """Whether one has waited for longer than is allowed."""
    problem: str
    """Code of what went wrong the last time; empty: nothing."""
    public_key: str
    """What it signs with; empty for one that does not sign."""


@dataclass(frozen=True, slots=True)
class _Row:
    public_key: str = ""
    size: int = 0
    at: str = ""
    text: str = ""
    problem: str = ""
    behind: bool = False


class Witnesses:
    """The witnesses of one workspace's log."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        proofs: Proofs,
        clock: Clock,
        makers: Mapping[str, Callable[[], Witness]],
        allowed_seconds: float,
    ) -> None:
        """`makers` give each witness by its name; one is behind once a checkpoint waits for so many seconds."""
        self._database = database
        self._audit = audit
        self._proofs = proofs
        self._clock = clock
        self._makers = makers
        self._allowed = allowed_seconds
        self._made: dict[str, Witness] = {}
        self._rest_until: dict[str, float] = {}

    @contextmanager
    def watched(self) -> Generator[None]:
        """Make checkpoints that are due and bring them to each witness, by a thread for each, inside the block."""
        with ExitStack() as stack:
            stack.enter_context(repeated("checkpoints", LOOK_SECONDS, self._audit.checkpoint_if_due))
            for name in self._makers:
                stack.enter_context(repeated(f"witness-{name}", LOOK_SECONDS, self._looker(name)))
            yield

    def listing(self) -> list[Standing]:
        """Return how far each witness is, as is known here."""
        with self._database.read() as connection:
            return [self._standing(connection, name, _row(connection, name)) for name in self._makers]

    def enroll(self, name: str) -> Standing:
        """Take up a witness for the first time, or again with the key that it has now; raises BadInput."""
        witness = self._witness(name)
        witness.check()
        key = witness.public_key()
        with self._database.write() as connection:
            found = _row(connection, name)
            _write(connection, name, _Row(key, found.size, found.at, found.text))
            about: dict[str, Json] = {"witness": name, "public_key": key}
            self._audit.append(connection, [Entry("witness.added", _ITSELF, about)])
        return self.bring(name)

    def bring(self, name: str) -> Standing:
        """Bring a witness the newest checkpoint now; raises what stands in the way, which is kept with it."""
        try:
            self._bring(name)
        except MunimentError as error:
            self._settle(name, error.code)
            raise
        return self._settle(name, "")

    def look(self, name: str) -> None:
        """Bring a witness what it lacks, unless it failed a moment ago; never raises for a witness that fails."""
        if self._clock.seconds() < self._rest_until.get(name, 0.0):
            return
        with self._database.read() as connection:
            found, newest = _row(connection, name), _newest(connection)
        if newest is None or (found.size >= newest and not found.problem and not found.behind):
            return
        try:
            self.bring(name)
        except MunimentError:
            self._rest_until[name] = self._clock.seconds() + PAUSE_SECONDS

    def last(self, name: str) -> Checkpoint:
        """Return the last checkpoint that a witness took, with its cosignature; raises BadInput for none."""
        self._require(name)
        with self._database.read() as connection:
            text = _row(connection, name).text
        if not text:
            raise BadInput(
                f"The witness {name} has seen nothing yet.", fix="Run `muniment audit witness run`."
            )
        return notes.parse(text, cosigned=True)

    def verify(self, name: str) -> Verification:
        """Walk the whole log and compare it with all that a witness says that it saw."""
        seen = self._witness(name).history()
        if not seen:
            raise BadInput(
                f"The witness {name} has seen nothing yet.", fix="Run `muniment audit witness run`."
            )
        return self._audit.verify(seen={(one.size, one.root) for one in seen})

    def _bring(self, name: str) -> None:
        witness = self._witness(name)
        with self._database.read() as connection:
            found = _row(connection, name)
        key = self._known_key(name, witness, found)
        checkpoint = self._audit.checkpoint()
        seen = witness.last(_known(found))
        path, ours = list[bytes](), b""
        if 0 < seen.size <= checkpoint.size:
            path, ours = self._proofs.path(seen.size, checkpoint)
        if ours and ours != seen.root:
            raise Forked(
                f"The first {seen.size} entries are not those that the witness {name} saw.",
                fix=f"Run `muniment audit verify --witness {name}`; keep all that there is.",
            )
        check_growth(seen, checkpoint, path)
        if seen.size == checkpoint.size and found.size == seen.size:
            return
        text = witness.add(checkpoint, seen, path)
        if witness.signs and cosigned_at(text, read_key(key)) is None:
            raise Tampered(
                f"What the witness {name} signed does not hold for the key that is known for it.",
                fix="See `muniment audit witness list`; add it again only if it was given another key.",
            )
        with self._database.write() as connection:
            if _row(connection, name).size <= checkpoint.size:
                at = timestamp(self._clock.now())
                _write(connection, name, _Row(key, checkpoint.size, at, text, found.problem, found.behind))

    def _known_key(self, name: str, witness: Witness, found: _Row) -> str:
        if found.public_key or not witness.signs:
            return found.public_key
        raise BadInput(
            f"The witness {name} was never taken up.", fix=f"Run `muniment audit witness add {name}`."
        )

    def _settle(self, name: str, problem: str) -> Standing:
        """Keep how it went, with an entry where that is news."""
        with self._database.write() as connection:
            found = _row(connection, name)
            standing = self._standing(connection, name, found)
            about: dict[str, Json] = {"witness": name, "size": found.size, "waiting": standing.waiting}
            if problem:
                about["reason"] = problem
            entries = list[Entry]()
            if problem != found.problem and problem in (Forked.code, RolledBack.code):
                entries.append(Entry("witness.contradicts", _ITSELF, about))
            if standing.behind != found.behind:
                kind = "witness.behind" if standing.behind else "witness.current"
                entries.append(Entry(kind, _ITSELF, about))
            if problem != found.problem or standing.behind != found.behind:
                kept = _Row(found.public_key, found.size, found.at, found.text, problem, standing.behind)
                _write(connection, name, kept)
            if entries:
                self._audit.append(connection, entries)
            return self._standing(connection, name, _row(connection, name))

    def _standing(self, connection: sa.Connection, name: str, found: _Row) -> Standing:
        newest = _newest(connection) or 0
        oldest = sa.select(sa.func.min(audit_checkpoint.c.at)).where(audit_checkpoint.c.size > found.size)
        since = connection.execute(oldest).scalar()
        waited = (
            (self._clock.now() - datetime.fromisoformat(since)).total_seconds() if since is not None else 0.0
        )
        return Standing(
            name,
            found.size,
            found.at,
            max(0, newest - found.size),
            waited > self._allowed,
            found.problem,
            found.public_key,
        )

    def _looker(self, name: str) -> Callable[[], None]:
        return lambda: self.look(name)

    def _witness(self, name: str) -> Witness:
        self._require(name)
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def _require(self, name: str) -> None:
        if name not in self._makers:
            known = ", ".join(self._makers)
            raise BadInput(
                f"There is no witness '{name}'.",
                fix=f"The settings name {known}."
                if known
                else f"Write [audit.witnesses.{name}] in settings.toml.",
            )


def _known(found: _Row) -> Seen:
    if not found.text:
        return NOTHING
    last = notes.parse(found.text, cosigned=True)
    return Seen(last.size, last.root)


def _newest(connection: sa.Connection) -> int | None:
    return connection.execute(sa.select(sa.func.max(audit_checkpoint.c.size))).scalar()


def _row(connection: sa.Connection, name: str) -> _Row:
    row = connection.execute(sa.select(audit_witness).where(audit_witness.c.name == name)).one_or_none()
    return (
        _Row() if row is None else _Row(row.public_key, row.size, row.at, row.text, row.problem, row.behind)
    )


def _write(connection: sa.Connection, name: str, row: _Row) -> None:
    connection.execute(sa.delete(audit_witness).where(audit_witness.c.name == name))
    values = {
        "public_key": row.public_key,
        "size": row.size,
        "at": row.at,
        "text": row.text,
        "problem": row.problem,
        "behind": row.behind,
    }
    connection.execute(sa.insert(audit_witness).values(name=name, **values))
