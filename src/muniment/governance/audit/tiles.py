"""Roots of full subtrees, kept so that a proof reads a few hundred hashes however long the log is.

Invariant: a root is only ever made of what lies below it, and a proof is checked against the signed root before it
is given away: a root that somebody changed costs a proof and never makes a false one.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from muniment.foundation.database import Database
from muniment.foundation.errors import Tampered
from muniment.governance.audit.merkle import node_hash, tree_root
from muniment.governance.audit.tables import audit_entry, audit_tile, audit_tree

WIDTH_BITS = 8
WIDTH = 1 << WIDTH_BITS
"""Nodes that lie side by side under one stored root."""
_AT_ONCE = 64
"""Roots that one transaction adds, so that writers of entries wait only shortly."""


def grow(database: Database) -> None:
    """Add the roots that have become full; writes nothing where none has."""
    while _lacking(database):
        with database.write() as connection:
            for level, first, last in _full(connection):
                _add(connection, level, first, min(last, first + _AT_ONCE))


def subtrees(connection: sa.Connection) -> Callable[[int, int], bytes]:
    """Return what gives the root over a range as proofs ask for it; raises Tampered where one is missing."""
    return _Subtrees(connection).root


class _Subtrees:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._read: dict[tuple[int, int], list[bytes]] = {}

    def root(self, start: int, end: int) -> bytes:
        """Fold the full subtrees that make up the range, the smallest first."""
        roots: list[bytes] = []
        while start < end:
            height = (end - start).bit_length() - 1
            roots.append(self._node(height, start >> height))
            start += 1 << height
        whole = roots.pop()
        while roots:
            whole = node_hash(roots.pop(), whole)
        return whole

    def _node(self, height: int, index: int) -> bytes:
        """Return a full subtree of 2**height leaves, made of the stored nodes next below it."""
        level, above = divmod(height, WIDTH_BITS)
        first = index << above
        side = self._side_by_side(level, first >> WIDTH_BITS)
        within = first & (WIDTH - 1)
        nodes = side[within : within + (1 << above)]
        if len(nodes) < 1 << above:
            raise _missing(level, (first & -WIDTH) + len(side))
        return tree_root(nodes)

    def _side_by_side(self, level: int, group: int) -> list[bytes]:
        if (level, group) not in self._read:
            self._read[level, group] = _nodes(self._connection, level, group << WIDTH_BITS)
        return self._read[level, group]


def _nodes(connection: sa.Connection, level: int, first: int) -> list[bytes]:
    """Return up to WIDTH nodes from one place on, ending before the first that is missing."""
    if level == 0:
        number, root = audit_entry.c.seq, audit_entry.c.leaf_hash
        query = sa.select(number, root)
    else:
        number, root = audit_tile.c.number, audit_tile.c.root
        query = sa.select(number, root).where(audit_tile.c.level == level)
    query = query.where(number >= first, number < first + WIDTH).order_by(number)
    found: list[bytes] = []
    for at, node in connection.execute(query):
        if at != first + len(found):
            break
        found.append(node)
    return found


def _lacking(database: Database) -> bool:
    with database.read() as connection:
        return bool(_full(connection))


def _full(connection: sa.Connection) -> list[tuple[int, int, int]]:
    """Return level, first and end of the roots that are full and not stored, where what is below them is stored."""
    below = connection.execute(sa.select(audit_tree.c.size)).scalar() or 0
    found: list[tuple[int, int, int]] = []
    level = 1
    while below >= WIDTH:
        stored = _stored(connection, level)
        if stored < below >> WIDTH_BITS:
            found.append((level, stored, below >> WIDTH_BITS))
        below, level = stored, level + 1
    return found


def _stored(connection: sa.Connection, level: int) -> int:
    last = sa.select(sa.func.max(audit_tile.c.number)).where(audit_tile.c.level == level)
    number = connection.execute(last).scalar()
    return 0 if number is None else number + 1


def _missing(level: int, number: int) -> Tampered:
    what = f"entry {number}" if level == 0 else f"the root {number} of level {level}"
    return Tampered(
        f"The log cannot be proved: {what} is missing.", fix="Run `muniment audit verify`; call your auditor."
    )


def _add(connection: sa.Connection, level: int, first: int, end: int) -> None:
    rows: list[dict[str, object]] = []
    for number in range(first, end):
        below = _nodes(connection, level - 1, number << WIDTH_BITS)
        if len(below) < WIDTH:
            raise _missing(level - 1, (number << WIDTH_BITS) + len(below))
        rows.append({"level": level, "number": number, "root": tree_root(below)})
    connection.execute(sa.insert(audit_tile), rows)
