"""How a connected source stands: its settings, state and cursors, as they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import sqlalchemy as sa

from muniment.foundation.database import storable
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.knowledge.sources.kinds import settings_of
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing.tables import source_connection
from muniment.knowledge.tables import source

State = Literal["active", "paused", "leaving"]
Feed = Literal["access", "content"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a feed is."""

    at: str
    round: int
    """Of the pass that goes on, or is next."""
    whole: bool
    """Whether that pass began at the beginning, so that what it leaves out is gone."""
    ended: float
    """When the last pass came to its end, in seconds since 1970; 0 for never."""
    problem: str
    """Why the last attempt failed; empty where it did not."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected source."""

    name: str
    kind: str
    stated: Mapping[str, object] | None
    """The settings as they were given; None where they are damaged."""
    state: State
    access: Cursor
    content: Cursor
    access_began: float
    """When the pass over access that goes on began; 0 between passes."""
    people: str
    """Digest of the accounts and groups that are stored."""
    alarmed: bool
    """Whether it is on record that its lease ran out."""
    woken: int
    """How often its source called."""

    def settings(self) -> SourceSettings:
        """Return the settings as the kind reads them; raises BadInput where it cannot any more."""
        if self.stated is None:
            raise BadInput(f"The settings of {self.name} are damaged.", fix="Add the source again.")
        return settings_of(self.kind, self.stated)


def _query() -> sa.Select[Any]:
    return sa.select(source.c.kind, source_connection).join(
        source, source.c.name == source_connection.c.source
    )


def connected(connection: sa.Connection, name: str) -> Connected | None:
    """Return a connected source, or None for one that is unknown or read by hand."""
    row = connection.execute(_query().where(source_connection.c.source == name)).first()
    return None if row is None else _of(row)


def staying(connection: sa.Connection, name: str) -> Connected:
    """Return a connected source; raises NotFound, also for one that is being removed."""
    found = connected(connection, name) if storable(name) else None
    if found is None or found.state == "leaving":
        raise NotFound(f"No connected source named {name}.", fix="See `muniment sources list`.")
    return found


def going_on(connection: sa.Connection, name: str, feed: Feed, round_: int) -> Connected:
    """Return the source that a pass reads, in the round of its feed that it is in.

    Raises as `staying`, and Conflict where its settings were changed meanwhile: what was read with the old ones says
    nothing of what the new ones lead to.
    """
    found = staying(connection, name)
    if (found.access if feed == "access" else found.content).round != round_:
        raise Conflict(f"The settings of {name} were changed meanwhile.", fix="Run it again.")
    return found


def every_connected(connection: sa.Connection) -> list[Connected]:
    """Return the connected sources, by name."""
    return [_of(row) for row in connection.execute(_query().order_by(source_connection.c.source))]


def _of(row: sa.Row[Any]) -> Connected:
    feeds = {
        feed: Cursor(
            getattr(row, f"{feed}_cursor"),
            getattr(row, f"{feed}_round"),
            bool(getattr(row, f"{feed}_whole")),
            getattr(row, f"{feed}_ended"),
            getattr(row, f"{feed}_problem"),
        )
        for feed in ("access", "content")
    }
    return Connected(
        name=row.source,
        kind=row.kind,
        stated=_stated(row.settings),
        state=row.state,
        access=feeds["access"],
        content=feeds["content"],
        access_began=row.access_began,
        people=row.people,
        alarmed=bool(row.alarmed),
        woken=row.woken,
    )


def _stated(text: str) -> Mapping[str, object] | None:
    try:
        said: object = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, object]", said) if isinstance(said, dict) else None


def put(connection: sa.Connection, name: str, settings: SourceSettings) -> None:
    """Connect a source that is known, or give it other settings: then both feeds begin anew."""
    values = {"source": name, "settings": settings.model_dump_json(exclude_unset=True), "state": "active"}
    known = connected(connection, name)
    if known is None:
        connection.execute(sa.insert(source_connection).values(values))
        return
    moved = {
        f"{feed}_{part}": value
        for feed, cursor in (("access", known.access), ("content", known.content))
        for part, value in (("cursor", ""), ("whole", 1), ("round", cursor.round + 1))
    }
    _change(connection, name, {**values, **moved, "access_began": 0.0, "people": ""})


def advance(connection: sa.Connection, name: str, feed: Feed, cursor: str) -> None:
    """Keep where a pass goes on from."""
    _change(connection, name, {f"{feed}_cursor": cursor, f"{feed}_problem": ""})


def end(connection: sa.Connection, name: str, feed: Feed, known: Cursor, cursor: str, now: float) -> None:
    """Keep that a pass came to its end, and where the next begins."""
    _change(
        connection,
        name,
        {
            f"{feed}_cursor": cursor,
            f"{feed}_round": known.round + 1,
            f"{feed}_whole": int(not cursor),
            f"{feed}_ended": now,
            f"{feed}_problem": "",
        },
    )


def restart(connection: sa.Connection, name: str, feed: Feed, known: Cursor) -> None:
    """Let a feed begin anew, in a round of its own."""
    moved = {f"{feed}_cursor": "", f"{feed}_whole": 1, f"{feed}_round": known.round + 1}
    _change(connection, name, {**moved, **({"access_began": 0.0} if feed == "access" else {})})


def begin_access(connection: sa.Connection, name: str, now: float) -> None:
    """Keep when a pass over access began."""
    _change(connection, name, {"access_began": now})


def keep_people(connection: sa.Connection, name: str, digest: str) -> None:
    """Keep which accounts and groups are stored."""
    _change(connection, name, {"people": digest})


def failed(connection: sa.Connection, name: str, feed: Feed, problem: str) -> None:
    """Keep why an attempt failed."""
    _change(connection, name, {f"{feed}_problem": problem[:300]})


def set_state(connection: sa.Connection, name: str, state: State) -> None:
    """Pause a source, let it go on, or mark that it is being removed."""
    _change(connection, name, {"state": state})


def set_alarmed(connection: sa.Connection, name: str, alarmed: bool) -> None:
    """Keep whether it is on record that the lease ran out."""
    _change(connection, name, {"alarmed": int(alarmed)})


def wake(connection: sa.Connection, name: str) -> None:
    """Count a call of the source."""
    here = source_connection.c.source == name
    connection.execute(sa.update(source_connection).where(here).values(woken=source_connection.c.woken + 1))


def _change(connection: sa.Connection, name: str, values: Mapping[str, object]) -> None:
    here = source_connection.c.source == name
    connection.execute(sa.update(source_connection).where(here).values(dict(values)))
