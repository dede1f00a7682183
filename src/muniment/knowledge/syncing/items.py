"""The items of a source as they are mirrored: what was listed, what waits to be read, and what could not be.

Invariants:
- no two items of a source lie at one path: a second one there carries its id in its name;
- an item that is gone takes its document with it in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from muniment.knowledge import changes
from muniment.knowledge.access import NOBODY
from muniment.knowledge.library import in_parts
from muniment.knowledge.sources.connector import Item
from muniment.knowledge.syncing.tables import source_item

RETRIES = 5
"""Attempts at one revision of an item before it is given up."""
_FIRST_WAIT, _LONGEST_WAIT = 30.0, 3600.0
_FACTS = ("name", "size", "modified_at", "link", "title", "author")


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that is to be read."""

    item: Item
    attempts: int
    document: str | None


def list_(connection: sa.Connection, source: str, items: Sequence[Item], round_: int, at: str) -> int:
    """Take in what a page lists; return how many are new or changed and wait to be read now."""
    latest = {one.id: one for one in items}
    before = _rows(connection, source, list(latest))
    paths = _paths(connection, source, latest, round_, at)
    waiting = 0
    for one in latest.values():
        path, row = paths[one.id], before.get(one.id)
        changed = row is None or row.state == "unlisted" or not one.revision or row.revision != one.revision
        values: dict[str, Any] = {
            "path": path,
            "revision": one.revision,
            "facts": json.dumps({name: getattr(one, name) for name in _FACTS}),
            "listed": round_,
        }
        if one.problem:
            values |= {"state": "dead", "why": "refused", "reason": one.problem[:300]}
        elif changed:
            values |= {"state": "waiting", "why": "", "reason": "", "attempts": 0, "retry_at": 0.0}
            waiting += 1
        if row is None:
            connection.execute(sa.insert(source_item).values(source=source, id=one.id, **values))
            continue
        connection.execute(sa.update(source_item).where(_here(source, one.id)).values(**values))
        if row.document is not None and row.path != path:
            changes.rename_document(connection, row.document, path, at)
        if row.document is not None and one.problem:
            changes.set_source_access(connection, {row.document: NOBODY}, source)
    return waiting


def _paths(
    connection: sa.Connection, source: str, items: dict[str, Item], round_: int, at: str
) -> dict[str, str]:
    """Return where each item is to lie; whoever was not listed in this round yet gives way."""
    wanted = sorted({one.path for one in items.values()})
    taken: set[str] = set()
    for part in in_parts(wanted):
        query = sa.select(source_item).where(source_item.c.source == source, source_item.c.path.in_(part))
        for row in connection.execute(query):
            if row.id in items:
                continue
            if row.listed == round_:
                taken.add(row.path)
                continue
            aside = _marked(row.path, row.id)
            connection.execute(sa.update(source_item).where(_here(source, row.id)).values(path=aside))
            if row.document is not None:
                changes.rename_document(connection, row.document, aside, at)
    paths: dict[str, str] = {}
    for one in items.values():
        paths[one.id] = _marked(one.path, one.id) if one.path in taken else one.path
        taken.add(paths[one.id])
    return paths


def _marked(path: str, name: str) -> str:
    folder, slash, last = path.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    marked = f"{stem} [{name}].{ending}" if dot and stem else f"{last} [{name}]"
    return folder + slash + marked.replace("/", "_")


def gone(connection: sa.Connection, source: str, names: Iterable[str], at: str) -> int:
    """Forget items that are no more, and remove their documents; return how many documents."""
    removed = 0
    for part in in_parts(list(names)):
        here = sa.and_(source_item.c.source == source, source_item.c.id.in_(part))
        query = sa.select(source_item.c.document).where(here, source_item.c.document.is_not(None))
        for document in connection.execute(query).scalars().all():
            changes.remove_document(connection, document, at)
            removed += 1
        connection.execute(sa.delete(source_item).where(here))
    return removed


def unlisted(connection: sa.Connection, source: str, round_: int) -> list[str]:
    """Return the items that a whole pass did not list."""
    query = sa.select(source_item.c.id).where(
        source_item.c.source == source, source_item.c.listed != round_, source_item.c.state != "unlisted"
    )
    return list(connection.execute(query).scalars())


def waiting(connection: sa.Connection, source: str, now: float, after: str, limit: int) -> list[Waiting]:
    """Return items that are to be read now, behind an id, by id."""
    query = (
        sa.select(source_item)
        .where(
            source_item.c.source == source,
            source_item.c.state == "waiting",
            source_item.c.retry_at <= now,
            source_item.c.id > after,
        )
        .order_by(source_item.c.id)
        .limit(limit)
    )
    return [Waiting(_item(row), row.attempts, row.document) for row in connection.execute(query)]


def count_waiting(connection: sa.Connection, source: str, now: float) -> int:
    """Return how many items are to be read now."""
    query = sa.select(sa.func.count()).where(
        source_item.c.source == source, source_item.c.state == "waiting", source_item.c.retry_at <= now
    )
    return int(connection.execute(query).scalar_one())


def stored(connection: sa.Connection, source: str, name: str, document: str, revision: str) -> None:
    """Keep that an item was read at a revision; one that was listed anew since waits on."""
    here = sa.and_(_here(source, name), source_item.c.revision == revision)
    values = {"state": "stored", "why": "", "reason": "", "attempts": 0, "retry_at": 0.0}
    connection.execute(sa.update(source_item).where(_here(source, name)).values(document=document))
    connection.execute(sa.update(source_item).where(here).values(**values))


def unplace(connection: sa.Connection, source: str, name: str) -> None:
    """Take an item out of its scope, until access is read again."""
    connection.execute(sa.update(source_item).where(_here(source, name)).values(scope=""))


def failed(
    connection: sa.Connection, source: str, one: Waiting, why: str, reason: str, now: float, final: bool
) -> bool:
    """Keep that an item could not be read; return whether it is given up.

    A document that was read from it before is withheld where the failure is its own (`final`).
    """
    attempts = one.attempts + 1
    dead = final or attempts >= RETRIES
    wait = min(_FIRST_WAIT * 2 ** (attempts - 1), _LONGEST_WAIT)
    values = {
        "state": "dead" if dead else "waiting",
        "why": why,
        "reason": reason[:300],
        "attempts": attempts,
        "retry_at": now + wait,
    }
    connection.execute(sa.update(source_item).where(_here(source, one.item.id)).values(**values))
    if dead and one.document is not None:
        changes.set_source_access(connection, {one.document: NOBODY}, source)
    return dead


def read_again(connection: sa.Connection, source: str, documents: Sequence[str]) -> None:
    """Let the items of these documents be read again."""
    for part in in_parts(documents):
        here = sa.and_(
            source_item.c.source == source,
            source_item.c.state == "stored",
            source_item.c.document.in_(part),
        )
        connection.execute(sa.update(source_item).where(here).values(state="waiting"))


def retry(connection: sa.Connection, source: str, names: Sequence[str] | None) -> int:
    """Let items that were given up be read again, with None all of them; return how many."""
    here = sa.and_(source_item.c.source == source, source_item.c.state == "dead")
    if names is not None:
        here = sa.and_(here, source_item.c.id.in_(names))
    values = {"state": "waiting", "attempts": 0, "retry_at": 0.0}
    return connection.execute(sa.update(source_item).where(here).values(**values)).rowcount


def dead(connection: sa.Connection, source: str, after: str = "", limit: int = 500) -> list[Dead]:
    """Return items that were given up, behind an id, by id."""
    query = (
        sa.select(source_item)
        .where(source_item.c.source == source, source_item.c.state == "dead", source_item.c.id > after)
        .order_by(source_item.c.id)
        .limit(limit)
    )
    return [
        Dead(row.id, row.path, row.why, row.reason, row.attempts, row.document)
        for row in connection.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Dead:
    """An item that was given up, and why."""

    id: str
    path: str
    why: str
    """The reason without a word of the item, as the log may hold it."""
    reason: str
    attempts: int
    document: str | None
    """What was read from it before; it is withheld."""


def counts(connection: sa.Connection, source: str) -> dict[str, int]:
    """Return how many items are in each state."""
    query = (
        sa.select(source_item.c.state, sa.func.count())
        .where(source_item.c.source == source)
        .group_by(source_item.c.state)
    )
    return {state: int(number) for state, number in connection.execute(query)}


def at_path(connection: sa.Connection, source: str, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return id and scope of the items at these paths."""
    found: dict[str, tuple[str, str]] = {}
    for part in in_parts(paths):
        query = sa.select(source_item.c.path, source_item.c.id, source_item.c.scope).where(
            source_item.c.source == source, source_item.c.path.in_(part)
        )
        found |= {row.path: (row.id, row.scope) for row in connection.execute(query)}
    return found


def _rows(connection: sa.Connection, source: str, names: Sequence[str]) -> dict[str, sa.Row[Any]]:
    found: dict[str, sa.Row[Any]] = {}
    for part in in_parts(names):
        query = sa.select(source_item).where(source_item.c.source == source, source_item.c.id.in_(part))
        found |= {row.id: row for row in connection.execute(query)}
    return found


def _item(row: sa.Row[Any]) -> Item:
    return Item(id=row.id, path=row.path, revision=row.revision, **json.loads(row.facts))


def _here(source: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(source_item.c.source == source, source_item.c.id == name)
