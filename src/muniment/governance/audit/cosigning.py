"""This workspace as a witness of other logs, those whose public keys the settings name.

Invariant: what was last seen of a log is looked at and replaced in one transaction, before the cosignature is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.cosignature import COSIGNATURE, VerifierKey, cosign
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.tables import audit_witnessed
from muniment.governance.audit.witness import NOTHING, Forked, RolledBack, Seen, judge


class CoSigning:
    """Co-signs checkpoints of other logs."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        name: str,
        key: Ed25519PrivateKey,
        clock: Clock,
        logs: Mapping[str, VerifierKey],
    ) -> None:
        """`name` and `key` are what this workspace signs with as a witness; `logs` are known by origin."""
        self._database = database
        self._audit = audit
        self._name = name
        self._key = key
        self._clock = clock
        self._logs = logs

    def public_key(self) -> str:
        """Return the line of the key that it co-signs with."""
        return VerifierKey(self._name, COSIGNATURE, self._key.public_key()).line

    def last(self, origin: str) -> str:
        """Return the last checkpoint of a log that was co-signed, empty for none; raises NotFound for another log."""
        self._log(origin)
        with self._database.read() as connection:
            return _last(connection, origin)

    def add(self, text: str, old_size: int, path: Sequence[bytes], by: Actor) -> str:
        """Return the line that co-signs a checkpoint.

        Raises NotFound for a log that is not known, Denied for another signer, SeenOther for a path from another
        size; Forked or RolledBack, on record, for a log that is not the one seen before.
        """
        new = notes.parse(text, cosigned=True)
        log = self._log(new.origin)
        try:
            with self._database.write() as connection:
                judge(_seen(_last(connection, new.origin)), old_size, path, new, log.key)
                now = self._clock.now()
                line = cosign(new, self._name, self._key, now)
                _replace(connection, new, timestamp(now), line)
        except (Forked, RolledBack) as refused:
            about = {"origin": new.origin, "size": new.size, "reason": refused.code}
            self._audit.record([Entry("witness.refused_to_sign", by, about)])
            raise
        return line

    def _log(self, origin: str) -> VerifierKey:
        if origin not in self._logs:
            raise NotFound("This is no witness of that log.")
        return self._logs[origin]


def _last(connection: sa.Connection, origin: str) -> str:
    query = sa.select(audit_witnessed.c.text).where(audit_witnessed.c.origin == origin)
    return connection.execute(query).scalar() or ""


def _seen(text: str) -> Seen:
    if not text:
        return NOTHING
    found = notes.parse(text, cosigned=True)
    return Seen(found.size, found.root)


def _replace(connection: sa.Connection, new: Checkpoint, at: str, line: str) -> None:
    own = "".join(new.text.splitlines(keepends=True)[:5])
    connection.execute(sa.delete(audit_witnessed).where(audit_witnessed.c.origin == new.origin))
    values = {"origin": new.origin, "size": new.size, "at": at, "text": own + line}
    connection.execute(sa.insert(audit_witnessed).values(**values))
