"""Checking the stored log against itself, its checkpoints, and a checkpoint kept outside."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from muniment.foundation.errors import BadInput
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.merkle import Frontier, leaf_hash
from muniment.governance.audit.tables import audit_checkpoint, audit_entry, audit_tree

MOST_FINDINGS = 20
NOTHING = Frontier()
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


@dataclass(frozen=True, slots=True)
class VerifiedPart:
    """What a walk over one part of a log found."""

    first: int
    tree: Frontier
    """Recomputed up to the part's end."""
    complete: bool
    """Whether the part's end is that of the log."""
    checkpoints: int
    findings: tuple[str, ...]


def verify_log(
    connection: sa.Connection,
    origin: str,
    key: Ed25519PublicKey,
    trusted: Sequence[Checkpoint] = (),
    seen: Collection[tuple[int, bytes]] = (),
) -> Verification:
    """Recompute the tree from the entries of one snapshot and compare all that was stored or signed of it.

    `trusted` are checkpoints that were kept outside: where the log was rewritten and signed anew, the entries
    between two of them are as closely as can be told. `seen` are sizes and roots that a witness holds on to.
    """
    findings: list[str] = []
    signed = _read_checkpoints(connection, origin, key, findings)
    kept = sorted(trusted, key=lambda checkpoint: checkpoint.size)
    if not all(notes.signed_by(checkpoint, key) for checkpoint in kept):
        findings.append("The trusted checkpoint was signed by another key.")
    wanted = {checkpoint.size for checkpoint in [*signed, *kept]} | {size for size, _ in seen}
    tree, roots = _walk(connection, wanted, findings)
    # What a checkpoint says of the entries comes even where many of them are named.
    del findings[MOST_FINDINGS // 2 :]
    _check_tree(connection, tree, findings)
    _compare("checkpoint", signed, roots, findings)
    _compare("trusted checkpoint", kept, roots, findings)
    findings.extend(_contradictions(tree.size, roots, seen))
    return Verification(tree.size, tree.root().hex(), len(signed), tuple(findings[:MOST_FINDINGS]))


def verify_part(
    connection: sa.Connection, origin: str, key: Ed25519PublicKey, start: Frontier, most: int
) -> VerifiedPart:
    """Recompute the tree from where `start` ends, as `verify_log` does, and compare it with what was signed of it.

    A part ends with the log, or with the last checkpoint that lies within `most` entries, so that something signed
    covers all of it. `start` is what an earlier part came to, and was compared there; where it was made up, the next
    checkpoint does not fit.
    """
    findings: list[str] = []
    size = connection.execute(sa.select(audit_tree.c.size)).scalar() or 0
    if start.size > size:
        return VerifiedPart(start.size, start, True, 0, (missing(size, start.size - 1),))
    until = None if size - start.size <= most else _covered(connection, start.size, most)
    signed = _read_checkpoints(connection, origin, key, findings, start.size, until)
    tree, roots = _walk(connection, {one.size for one in signed}, findings, start, until)
    del findings[MOST_FINDINGS // 2 :]
    if until is None:
        _check_tree(connection, tree, findings)
    _compare("checkpoint", signed, roots, findings, start.size)
    return VerifiedPart(start.size, tree, until is None, len(signed), tuple(findings[:MOST_FINDINGS]))


def _covered(connection: sa.Connection, start: int, most: int) -> int:
    size = audit_checkpoint.c.size
    last = sa.select(sa.func.max(size)).where(size > start, size <= start + most)
    return connection.execute(last).scalar() or start + most


def _compare(
    what: str, checkpoints: Sequence[Checkpoint], roots: dict[int, bytes], findings: list[str], good: int = 0
) -> None:
    for checkpoint in checkpoints:
        size, there = checkpoint.size, max(roots)
        place = f"the first that differs is among entries {good} to {size - 1}"
        if size > there:
            findings.append(f"entries are missing: there are {there}, and the {what} covers {size}: {place}")
        elif roots[size] != checkpoint.root:
            findings.append(f"the entries do not match the {what} of size {size}: {place}")
        else:
            good = size


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
    connection: sa.Connection,
    origin: str,
    key: Ed25519PublicKey,
    findings: list[str],
    above: int = -1,
    until: int | None = None,
) -> list[Checkpoint]:
    good: list[Checkpoint] = []
    stored = sa.select(audit_checkpoint).order_by(audit_checkpoint.c.size)
    stored = stored.where(audit_checkpoint.c.size > above) if above > 0 else stored
    stored = stored if until is None else stored.where(audit_checkpoint.c.size <= until)
    for row in connection.execute(stored):
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
    connection: sa.Connection,
    roots_wanted: set[int],
    findings: list[str],
    start: Frontier = NOTHING,
    until: int | None = None,
) -> tuple[Frontier, dict[int, bytes]]:
    tree = start
    roots = {tree.size: tree.root()}
    expected = tree.size
    pending: list[bytes] = []
    for row in _rows(connection, tree.size - 1 if tree.size else -(2**63), until):
        if row.seq > expected:
            findings.append(missing(expected, row.seq - 1))
        elif row.seq < 0:
            findings.append(f"entry {row.seq} was added outside the log")
        expected = row.seq + 1
        problem = _problem(row)
        if problem:
            findings.append(problem)
        pending.append(leaf_hash(row.body if isinstance(row.body, bytes) else b""))
        if tree.size + len(pending) in roots_wanted or len(pending) >= _ROWS_AT_ONCE:
            tree, pending = tree.extend(pending), []
            roots[tree.size] = tree.root()
    tree = tree.extend(pending)
    roots[tree.size] = tree.root()
    return tree, roots


def _rows(connection: sa.Connection, after: int, until: int | None) -> Iterator[sa.Row[tuple[object, ...]]]:
    while True:
        behind = audit_entry.c.seq > sa.literal(after, sa.BigInteger)
        query = sa.select(audit_entry).where(behind).order_by(audit_entry.c.seq)
        query = query if until is None else query.where(audit_entry.c.seq < until)
        rows = connection.execute(query.limit(_ROWS_AT_ONCE)).all()
        yield from rows
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1].seq


def _problem(row: sa.Row[tuple[object, ...]]) -> str:
    altered = f"entry {row.seq} ({row.kind} at {row.at}) was altered"
    # A file keeps whatever type it is given.
    if not isinstance(row.body, bytes) or leaf_hash(row.body) != row.leaf_hash:
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
