"""Proofs about the log as small texts, which the offline verifier checks (`verify.py --proof`).

An inclusion proof is a C2SP tlog-proof whose extra data is the entry itself; a consistency proof is what a witness is
sent (C2SP tlog-witness): the old size, the path, and the checkpoint of the larger tree.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import NotFound, Tampered
from muniment.governance.audit import tiles
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.merkle import (
    consistency_path,
    consistent,
    included,
    inclusion_path,
    leaf_hash,
)
from muniment.governance.audit.tables import audit_entry

INCLUSION = "c2sp.org/tlog-proof@v1"


class Proofs:
    """Proves entries and growth of one workspace's log."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def inclusion(self, seq: int, upto: Checkpoint | None = None) -> str:
        """Return the proof that an entry is in the log, against a checkpoint, else against one of now.

        Raises NotFound for an entry that the checkpoint does not cover, Tampered where the log does not prove it.
        """
        return self.inclusions([seq], upto or self._audit.checkpoint())[0][1]

    def inclusions(self, places: Sequence[int], signed: Checkpoint) -> list[tuple[bytes, str]]:
        """Return entries as they were hashed, each with its proof against one checkpoint; raises as `inclusion`."""
        for seq in places:
            _check_covered(seq, signed.size)
        tiles.grow(self._database)
        with self._database.read() as connection:
            root_of = tiles.subtrees(connection)
            return [_proved(connection, seq, signed, root_of) for seq in places]

    def consistency(self, old_size: int, upto: Checkpoint | None = None) -> str:
        """Return the proof that the log of a size is the beginning of that of a checkpoint, else of one of now.

        Raises as `inclusion` does; whoever checks it brings the checkpoint of the old size.
        """
        signed = upto or self._audit.checkpoint()
        return f"old {old_size}\n{_lines(self.path(old_size, signed)[0])}\n{signed.text}"

    def path(self, old_size: int, signed: Checkpoint) -> tuple[list[bytes], bytes]:
        """Return the consistency path from a size to a checkpoint, and the root that the log has at that size."""
        if not 0 < old_size <= signed.size:
            raise NotFound(
                f"The checkpoint covers {signed.size} entries.", fix=f"Give a size from 1 to {signed.size}."
            )
        tiles.grow(self._database)
        with self._database.read() as connection:
            root_of = tiles.subtrees(connection)
            path, old_root = consistency_path(old_size, signed.size, root_of), root_of(0, old_size)
        if not consistent(old_size, old_root, signed.size, signed.root, path):
            raise _unproved(f"its first {old_size} entries are not those that were signed")
        return path, old_root


def _proved(
    connection: sa.Connection, seq: int, signed: Checkpoint, root_of: Callable[[int, int], bytes]
) -> tuple[bytes, str]:
    body = connection.execute(sa.select(audit_entry.c.body).where(audit_entry.c.seq == seq)).scalar()
    path = inclusion_path(seq, signed.size, root_of)
    if body is None or not included(leaf_hash(body), seq, signed.size, path, signed.root):
        raise _unproved(f"entry {seq} is not what was signed")
    extra = base64.b64encode(body).decode()
    return body, f"{INCLUSION}\nextra {extra}\nindex {seq}\n{_lines(path)}\n{signed.text}"


def _check_covered(seq: int, size: int) -> None:
    if not 0 <= seq < size:
        covered = f"entries 0 to {size - 1}" if size else "no entry"
        raise NotFound(f"The checkpoint covers {covered}.", fix="Name one of them by its number.")


def _unproved(what: str) -> Tampered:
    return Tampered(f"The log does not prove this: {what}.", fix="Run `muniment audit verify`.")


def _lines(path: Sequence[bytes]) -> str:
    return "".join(base64.b64encode(node).decode() + "\n" for node in path)
