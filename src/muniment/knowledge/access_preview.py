"""Who gains and who loses by a list set by hand, before it is set; bound to what is then set by a digest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.canonical import exact
from muniment.governance.frozen import is_frozen
from muniment.governance.identity.everybody import Account, Everybody
from muniment.knowledge import library
from muniment.knowledge.access import NOBODY, AccessList, nearest
from muniment.knowledge.document_labels import raised
from muniment.knowledge.judgement import judged
from muniment.knowledge.tables import document, document_label


@dataclass(frozen=True, slots=True)
class Moved:
    """An account for whom something changes."""

    account: Account
    gains: int
    """Documents that it may read after the change and not before."""
    loses: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do."""

    source: str
    path: str
    access: AccessList | None
    """None: what the source states rules again."""
    documents: int
    ruled: int
    """Documents whose list becomes another; those under a nearer list set by hand keep theirs."""
    moved: tuple[Moved, ...]
    frozen: bool
    digest: str
    """Of all of this, so that what is confirmed is what was shown."""


def preview(connection: sa.Connection, source: str, path: str, access: AccessList | None) -> Preview:
    """Return what it would do to set a list at a place (None: to clear it), as of this snapshot."""
    by_hand = dict(library.overrides(connection, source))
    by_hand.pop(path, None)
    if access is not None:
        by_hand[path] = access
    query = sa.select(
        document.c.path, document.c.access_class, document.c.source_access_class, document_label.c.label
    ).outerjoin(document_label, document_label.c.document == document.c.id)
    rows = connection.execute(query.where(library.live_below(not path)), library.below(source, path)).all()
    lists = _lists(connection, {number for row in rows for number in row[1:3]})
    cold = is_frozen(connection, "source", source)
    changes: Counter[tuple[AccessList | None, AccessList | None]] = Counter()
    for row in rows:
        ruling = NOBODY if cold else nearest(row.path, by_hand)
        after = lists.get(row.source_access_class) if ruling is None else ruling
        if after is not None:
            after = raised(after, row.label or "")
        changes[lists.get(row.access_class), after] += 1
    moving = {pair: count for pair, count in changes.items() if pair[0] != pair[1]}
    moved = tuple(
        one for account in Everybody(connection).accounts.values() if (one := _moved(account, moving))
    )
    said = {
        "source": source,
        "path": path,
        "access": None if access is None else access.digest(),
        "documents": len(rows),
        "ruled": sum(moving.values()),
        "moved": [[one.account.principal.ref, one.gains, one.loses] for one in moved],
        "frozen": cold,
    }
    digest = hashlib.sha256(exact(said)).hexdigest()
    return Preview(source, path, access, len(rows), sum(moving.values()), moved, cold, digest)


def _moved(
    account: Account, moving: Mapping[tuple[AccessList | None, AccessList | None], int]
) -> Moved | None:
    gains = loses = 0
    for (before, after), count in moving.items():
        did, does = judged(before, account).reads, judged(after, account).reads
        gains += count if does and not did else 0
        loses += count if did and not does else 0
    return Moved(account, gains, loses) if gains or loses else None


def _lists(connection: sa.Connection, numbers: set[int]) -> dict[int, AccessList]:
    found: dict[int, AccessList] = {}
    ordered = sorted(numbers)
    for start in range(0, len(ordered), 500):
        found |= library.access_lists(connection, ordered[start : start + 500])
    return found
