"""Calendars: people see the entries that they own or attend; only its owner changes an entry."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from calls import Caller, allowed, reading
from effects import Done, Write, effect, writing
from fastapi import APIRouter, Depends, Path, Query, Response
from problems import Problem, absent, bad_input, forbidden
from pydantic import Field, model_validator
from shapes import Closed, Id, Line, Moment, UserName
from store import new_id

router = APIRouter(tags=["calendar"])
Writer = Annotated[Write, Depends(writing("calendar:write"))]


class Times(Closed):
    """From when to when."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _forward(self) -> Times:
        if self.end <= self.start:
            raise ValueError("end must be after start")
        return self


class NewEntry(Times):
    """What to plan."""

    title: Line
    attendees: Annotated[list[UserName], Field(max_length=50, description="User names.")]
    location: Line


class Entry(Closed):
    """One entry of a calendar."""

    id: Id
    version: int
    state: Literal["planned", "cancelled"]
    owner: str
    title: str = Field(description="Written by the owner: untrusted by others.")
    start: str
    end: str
    attendees: list[str]
    location: str


class Entries(Closed):
    """Entries, earliest first."""

    entries: list[Entry]


class EntryFilter(Closed):
    """Which entries are listed: those that touch the time between."""

    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


@reading(router, "/calendar", "listEntries")
def list_entries(
    asked: Annotated[EntryFilter, Query()], caller: Annotated[Caller, Depends(allowed("calendar:read"))]
) -> Entries:
    """List the entries that the person owns or attends."""
    with caller.systems.store.reading() as db:
        rows = db.execute(
            "SELECT * FROM entries WHERE (owner = ?1 OR id IN (SELECT entry_id FROM attendees WHERE user = ?1))"
            " AND (?2 IS NULL OR ends > ?2) AND (?3 IS NULL OR starts < ?3) ORDER BY starts, id LIMIT ?4",
            (caller.person.name, asked.from_, asked.to, asked.limit),
        ).fetchall()
        return Entries(entries=[_entry(db, row) for row in rows])


@effect(router, "/calendar", "createEntry", Entry, status=201)
def create_entry(body: NewEntry, write: Writer) -> Response:
    """Plan an entry in the person's own calendar; attendees see it in theirs."""

    def act(db: sqlite3.Connection) -> Done:
        unknown = set(body.attendees) - write.systems.permissions.people()
        if unknown:
            raise bad_input(f"body.attendees: nobody is called {min(unknown)}")
        made, owner = new_id("entry"), write.caller.person.name
        db.execute(
            "INSERT INTO entries VALUES (?, 1, 'planned', ?, ?, ?, ?, ?)",
            (made, owner, body.title, body.start, body.end, body.location),
        )
        db.executemany(
            "INSERT INTO attendees VALUES (?, ?)", [(made, user) for user in sorted(set(body.attendees))]
        )
        entry = _visible(db, write.caller, made)
        return Done(entry, f"Plan {body.title!r} {_when(entry)}.", "cancelEntry.")

    return write.run(act)


@effect(router, "/calendar/{entry_id}/reschedule", "rescheduleEntry", Entry)
def reschedule_entry(entry_id: Annotated[Id, Path()], body: Times, write: Writer) -> Response:
    """Move an entry of the person's own to another time."""

    def act(db: sqlite3.Connection) -> Done:
        before = _changeable(db, write, entry_id)
        db.execute(
            "UPDATE entries SET starts = ?, ends = ?, version = version + 1 WHERE id = ?",
            (body.start, body.end, entry_id),
        )
        after = _visible(db, write.caller, entry_id)
        undo = f"rescheduleEntry to {before.start} until {before.end}."
        return Done(after, f"Move {before.title!r} from {before.start} to {after.start}.", undo)

    return write.run(act)


@effect(router, "/calendar/{entry_id}/cancel", "cancelEntry", Entry)
def cancel_entry(entry_id: Annotated[Id, Path()], write: Writer) -> Response:
    """Cancel an entry of the person's own; attendees keep seeing that it was cancelled."""

    def act(db: sqlite3.Connection) -> Done:
        entry = _changeable(db, write, entry_id)
        db.execute("UPDATE entries SET state = 'cancelled', version = version + 1 WHERE id = ?", (entry_id,))
        return Done(
            _visible(db, write.caller, entry_id),
            f"Cancel {entry.title!r} {_when(entry)}.",
            "None: plan it again.",
        )

    return write.run(act)


def _changeable(db: sqlite3.Connection, write: Write, entry_id: str) -> Entry:
    entry = _visible(db, write.caller, entry_id)
    if entry.owner != write.caller.person.name:
        raise forbidden("Only the owner of an entry changes it.")
    write.expect(entry.version)
    if entry.state != "planned":
        raise Problem(409, "cancelled-before", "This entry was cancelled before.")
    return entry


def _visible(db: sqlite3.Connection, caller: Caller, entry_id: str) -> Entry:
    row = db.execute("SELECT * FROM entries WHERE id = ?", (entry_id,)).fetchone()
    if row is None:
        raise absent()
    entry = _entry(db, row)
    if caller.person.name not in (entry.owner, *entry.attendees):
        raise absent()
    return entry


def _entry(db: sqlite3.Connection, row: sqlite3.Row) -> Entry:
    attending = db.execute("SELECT user FROM attendees WHERE entry_id = ? ORDER BY user", (row["id"],))
    fields = {name: row[name] for name in ("id", "version", "state", "owner", "title", "location")}
    return Entry(
        **fields, start=row["starts"], end=row["ends"], attendees=[each["user"] for each in attending]
    )


def _when(entry: Entry) -> str:
    return f"from {entry.start} to {entry.end} with {', '.join(entry.attendees) or 'nobody'}"
