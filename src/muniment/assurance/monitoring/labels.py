"""What reviewers said of the items of a sample, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.assurance.monitoring.tables import review_item, review_label

PER_ITEM = 2
"""Reviewers of each item."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one reviewer said."""

    reviewer: str
    verdict: str
    settles: bool
    note: str


@dataclass(frozen=True, slots=True)
class Item:
    """One drawn answer with what was said of it."""

    id: str
    answer: str
    review_set: str
    stratum: str
    labels: tuple[Label, ...] = ()
    """By the reviewers' names."""

    @property
    def pair(self) -> tuple[str, str] | None:
        """Return what the two reviewers said, or None while one is missing."""
        both = [one.verdict for one in self.labels if not one.settles]
        return (both[0], both[1]) if len(both) >= PER_ITEM else None

    @property
    def settled(self) -> str | None:
        """Return what a third said, if the two differed."""
        return next((one.verdict for one in self.labels if one.settles), None)

    @property
    def disputed(self) -> bool:
        """Return whether the two differ and nobody has settled it."""
        return self.settled is None and self.pair is not None and self.pair[0] != self.pair[1]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Return what counts: what settles it, else all that was said."""
        return (self.settled,) if self.settled else tuple(one.verdict for one in self.labels)

    def waits_for(self, reviewer: str, settle: bool) -> bool:
        """Return whether this reviewer may still say something new of it."""
        if any(one.reviewer == reviewer for one in self.labels):
            return False
        return self.disputed if settle else len(self.labels) < PER_ITEM


def items_of(connection: sa.Connection, set_id: str) -> list[Item]:
    """Return the items of a sample with their labels, by id."""
    return _items(connection, review_item.c.review_set == set_id)


def item_at(connection: sa.Connection, item_id: str) -> Item | None:
    """Return one item with its labels, or None."""
    return next(iter(_items(connection, review_item.c.id == item_id)), None)


def items_about(connection: sa.Connection, answer_id: str) -> list[Item]:
    """Return the items, of every sample, that are this answer."""
    return _items(connection, review_item.c.answer == answer_id)


def _items(connection: sa.Connection, chosen: sa.ColumnElement[bool]) -> list[Item]:
    item, label = review_item.c, review_label.c
    rows = connection.execute(
        sa.select(item.id, item.answer, item.review_set, item.stratum).where(chosen).order_by(item.id)
    ).all()
    said: dict[str, list[Label]] = {row.id: [] for row in rows}
    query = (
        sa.select(label.item, label.reviewer, label.verdict, label.settles, label.note)
        .join(review_item, item.id == label.item)
        .where(chosen)
        .order_by(label.item, label.reviewer)
    )
    for row in connection.execute(query):
        said[row.item].append(Label(row.reviewer, row.verdict, row.settles, row.note))
    return [Item(row.id, row.answer, row.review_set, row.stratum, tuple(said[row.id])) for row in rows]


def spread(items: Sequence[Item]) -> tuple[int, int, int]:
    """Return how many items were looked at by two, by one and by nobody."""
    two = sum(one.pair is not None for one in items)
    some = sum(bool(one.labels) for one in items)
    return two, some - two, len(items) - some
