"""How fresh a connected source is, in the words and numbers that commands and pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import MunimentError
from muniment.governance.identity import outside
from muniment.governance.identity.outside import Lease
from muniment.knowledge.syncing import connection as connections
from muniment.knowledge.syncing import items
from muniment.knowledge.syncing.connection import Connected, Cursor

Cause = Literal["", "leaving", "settings", "unreadable", "never", "paused", "lapsed"]


@dataclass(frozen=True, slots=True)
class FeedState:
    """Where one feed of a source is."""

    cursor: str
    """`begins anew`, `in a whole pass` that goes on where it was, or `follows changes`."""
    ended_at: str | None
    """When a pass last came to its end; None: never."""
    next_at: str | None
    """When it is read next by a server, unless its source calls before; None: not while it is as it is."""
    problem: str
    """Why the last attempt failed; empty where it did not."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh a source is."""

    name: str
    kind: str
    state: str
    served: bool
    cause: Cause
    """Why its documents are withheld, without a word of the source; empty where they are not."""
    why: str
    """The same in words, which may hold names; for whoever runs the machine."""
    age: float | None
    """Seconds since the reading of access began that is in force; None: it was never read to its end."""
    left: float | None
    """Seconds until its documents are withheld unless access is read anew."""
    lease_seconds: int | None
    """None where its settings cannot be read any more."""
    until: str | None
    access: FeedState
    content: FeedState
    items: Mapping[str, int]
    """By state: waiting, stored, dead, unlisted."""

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return asdict(self)


def freshness(known: Connected, lease: Lease | None, counts: Mapping[str, int], now: datetime) -> Freshness:
    """Return how fresh a source is; `counts` are its items by state."""
    at = now.timestamp()
    every: dict[str, int] = {}
    lease_seconds: int | None = None
    broken = ""
    try:
        settings = known.settings()
        lease_seconds = settings.lease_seconds
        every = {"access": settings.access_seconds, "content": settings.content_seconds}
    except MunimentError as error:
        broken = str(error)
    served = lease is not None and lease.runs(at) and known.state != "leaving"
    cause = "" if served else _cause(known, lease, broken)
    active = known.state == "active" and bool(every)
    return Freshness(
        name=known.name,
        kind=known.kind,
        state=known.state,
        served=served,
        cause=cause,
        why=_why(cause, known, broken),
        age=None if lease is None else max(0.0, at - lease.as_of),
        left=None if lease is None else max(0.0, lease.until - at),
        lease_seconds=lease_seconds,
        until=None if lease is None else _at(lease.until),
        access=_feed(known.access, every.get("access", 0), active),
        content=_feed(known.content, every.get("content", 0), active and bool(known.access.ended)),
        items=dict(counts),
    )


def every_freshness(connection: sa.Connection, now: datetime) -> dict[str, Freshness]:
    """Return how fresh each connected source is, by name."""
    leases = outside.leases(connection)
    return {
        one.name: freshness(one, leases.get(one.name), items.counts(connection, one.name), now)
        for one in connections.every_connected(connection)
    }


def _cause(known: Connected, lease: Lease | None, broken: str) -> Cause:
    if known.state == "leaving":
        return "leaving"
    if broken:
        return "settings"
    if known.access.problem:
        return "unreadable"
    if lease is None:
        return "never"
    return "paused" if known.state == "paused" else "lapsed"


def _why(cause: Cause, known: Connected, broken: str) -> str:
    return {
        "": "",
        "leaving": "It is being removed.",
        "settings": broken,
        "unreadable": f"Its access cannot be read: {known.access.problem}",
        "never": "Its access was not read to the end yet.",
        "paused": "It is paused, and its lease has run out.",
        "lapsed": "Its lease has run out: its access was not read since.",
    }[cause]


def _feed(cursor: Cursor, seconds: int, active: bool) -> FeedState:
    at = "in a whole pass" if cursor.whole else "follows changes"
    return FeedState(
        cursor=at if cursor.at else "begins anew",
        ended_at=_at(cursor.ended) if cursor.ended else None,
        next_at=_at(cursor.ended + seconds) if active and cursor.ended else None,
        problem=cursor.problem,
    )


def _at(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
