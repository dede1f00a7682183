"""Checking the stored log against itself, its checkpoints, and a checkpoint kept outside."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from muniment.foundation.errors import BadInput
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.merkle import Frontier, leaf_hash
from muniment.governance.audit.tables import audit_checkpoint, audit_entry, audit_tree

MOST_FINDINGS = 20
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk over the log found."""

    entries: int
    root: str
    """Hex root recomputed from the stored entries."""
    checkpoints: int
    findings: tuple[str, ...]
    """What does not fit, the first bad place first, at most `MOST_FINDINGS`."""

    @property
    def ok(self) -> bool:
        """Tell whether everything fits."""
        return not self.findings


def verify_log(
    connection: sa.Connection,
    origin: str,
    key: Ed25519PublicKey,
    trusted: Checkpoint | None,
    seen: Collection[tuple[int, bytes]] = (),
) -> Verification:
    """Recompute the tree from the entries of one snapshot and compare all that was stored, signed or seen of it."""
    findings: list[str] = []
    signed = _read_checkpoints(connection, origin, key, findings)
    roots_wanted = {checkpoint.size for checkpoint in signed} | {size for size, _ in seen}
    if trusted is not None:
        roots_wanted.add(trusted.size)
        if not notes.signed_by(trusted, key):
            findings.append("The trusted checkpoint was signed by another key.")
    tree, roots = _walk(connection, roots_wanted, findings)
    _check_tree(connection, tree, findings)
    for checkpoint in signed:
        if roots.get(checkpoint.size) != checkpoint.root:
            findings.append(f"checkpoint of size {checkpoint.size} does not match")
    if trusted is not None and roots.get(trusted.size) != trusted.root:
        findings.append(f"the trusted checkpoint of size {trusted.size} does not match")
    findings.extend(_contradictions(tree.size, roots, seen))
    return Verification(tree.size, tree.root().hex(), len(signed), tuple(findings[:MOST_FINDINGS]))


def _contradictions(
    size: int, roots: Mapping[int, bytes], seen: Collection[tuple[int, bytes]]
) -> Iterator[str]:
    """Say between which entries the log is another one than was seen, and how many of those are gone."""
    wrong = min((at for at, root in seen if at <= size and roots.get(at) != root), default=None)
    if wrong is not None:
        right = max((at for at, root in seen if at < wrong and roots.get(at) == root), default=0)
        where = f"entry {right}" if wrong == right + 1 else f"one of the entries {right} to {wrong - 1}"
        yield f"{where} is not what the witness saw: the log was rewritten"
    largest = max((at for at, _ in seen), default=0)
    if largest > size:
        yield f"{missing(size, largest - 1)}: the witness saw a log of {largest} entries"


def _read_checkpoints(
    connection: sa.Connection, origin: str, key: Ed25519PublicKey, findings: list[str]
) -> list[Checkpoint]:
    good: list[Checkpoint] = []
    for row in connection.execute(sa.select(audit_checkpoint).order_by(audit_checkpoint.c.size)):
        try:
            checkpoint = notes.parse(row.text)
        except BadInput:
            checkpoint = None
        if (
            checkpoint is None
            or (checkpoint.size, checkpoint.origin) != (row.size, origin)
            or not notes.signed_by(checkpoint, key)
        ):
            findings.append(f"checkpoint of size {row.size} was altered: its signature does not hold")
        else:
            good.append(checkpoint)
    return good


def _walk(
    connection: sa.Connection, roots_wanted: set[int], findings: list[str]
) -> tuple[Frontier, dict[int, bytes]]:
    tree = Frontier()
    roots = {0: tree.root()}
    expected = 0
    pending: list[bytes] = []
    for row in _rows(connection):
        if row.seq > expected:
            findings.append(missing(expected, row.seq - 1))
        expected = row.seq + 1
        problem = _problem(row)
        if problem:
            findings.append(problem)
        pending.append(leaf_hash(row.body))
        if tree.size + len(pending) in roots_wanted or len(pending) >= _ROWS_AT_ONCE:
            tree, pending = tree.extend(pending), []
            roots[tree.size] = tree.root()
    tree = tree.extend(pending)
    roots[tree.size] = tree.root()
    return tree, roots


def _rows(connection: sa.Connection) -> Iterator[sa.Row[tuple[object, ...]]]:
    after = -(2**63)
    while True:
        behind = audit_entry.c.seq > sa.literal(after, sa.BigInteger)
        query = sa.select(audit_entry).where(behind).order_by(audit_entry.c.seq)
        rows = connection.execute(query.limit(_ROWS_AT_ONCE)).all()
        yield from rows
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1].seq


def _problem(row: sa.Row[tuple[object, ...]]) -> str:
    altered = f"entry {row.seq} ({row.kind} at {row.at}) was altered"
    if leaf_hash(row.body) != row.leaf_hash:
        return altered
    try:
        body = json.loads(row.body)
        found = (body["seq"], body["at"], body["kind"], body["actor"], body["via"])
    except (ValueError, KeyError, TypeError):
        return altered
    if found[0] != row.seq:
        return f"entry {row.seq} ({row.kind} at {row.at}) is out of place: it was written as {found[0]}"
    return "" if found == (row.seq, row.at, row.kind, row.actor, row.via) else altered


def _check_tree(connection: sa.Connection, tree: Frontier, findings: list[str]) -> None:
    row = connection.execute(sa.select(audit_tree)).one_or_none()
    if row is None:
        if tree.size:
            findings.append("the record of the tree's root is missing")
        return
    if row.size > tree.size and not findings:
        findings.append(missing(tree.size, row.size - 1))
    if row.size < tree.size:
        findings.append(f"entries {row.size} to {tree.size - 1} were added outside the log")
    if (row.size, row.frontier, row.root) != (tree.size, tree.to_bytes(), tree.root()):
        findings.append(f"the stored root of size {row.size} does not match the entries")


def missing(first: int, last: int) -> str:
    """Say that entries are missing, both ends included."""
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
