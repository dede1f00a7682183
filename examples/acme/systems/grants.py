"""Access grants: security opens a system to somebody until a date, and never to themselves."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from calls import Caller, allowed, etag, reading
from effects import DAY, Done, Write, effect, writing
from fastapi import APIRouter, Depends, Path, Query, Response
from problems import Problem, absent, bad_input, forbidden
from pydantic import Field
from shapes import Closed, Id, Moment, NoOptions, UserName
from store import new_id

router = APIRouter(tags=["access"])
Reader = Annotated[Caller, Depends(allowed("access:read"))]
Writer = Annotated[Write, Depends(writing("access:grant"))]
MAX_DAYS = 90


class NewGrant(Closed):
    """Whom to let in, where, and until when."""

    user: UserName
    system: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["warehouse"])]
    until: Moment


class Grant(Closed):
    """One access grant."""

    id: Id
    version: int
    state: Literal["active", "revoked"]
    user: str
    system: str
    until: str
    made_by: str
    made_at: str


class Grants(Closed):
    """Access grants, newest first."""

    grants: list[Grant]


@reading(router, "/access-grants", "listAccessGrants")
def list_grants(_none: Annotated[NoOptions, Query()], caller: Reader) -> Grants:
    """List the grants that the person has, or all for those who grant."""
    with caller.systems.store.reading() as db:
        rows = db.execute(
            "SELECT * FROM access_grants WHERE ? OR user = ? ORDER BY made_at DESC, id LIMIT 100",
            (caller.holds("access:grant"), caller.person.name),
        )
        return Grants(grants=[Grant(**dict(row)) for row in rows])


@reading(router, "/access-grants/{grant_id}", "getAccessGrant")
def get_grant(
    grant_id: Annotated[Id, Path()], _none: Annotated[NoOptions, Query()], caller: Reader, response: Response
) -> Grant:
    """Read one grant: one's own, or any for those who grant."""
    with caller.systems.store.reading() as db:
        grant = _visible(db, caller, grant_id)
    response.headers["etag"] = etag(grant.version)
    return grant


@effect(router, "/access-grants", "createAccessGrant", Grant, status=201)
def create_grant(body: NewGrant, write: Writer) -> Response:
    """Let somebody into a system for at most 90 days."""

    def act(db: sqlite3.Connection) -> Done:
        if body.user == write.caller.person.name:
            raise forbidden("Nobody grants access to themselves.")
        if body.user not in write.systems.permissions.people():
            raise bad_input(f"body.user: nobody is called {body.user}")
        if body.system not in write.systems.permissions.systems():
            raise bad_input(f"body.system: there is no system {body.system}")
        if not 0 < -write.systems.clock.age(body.until) <= MAX_DAYS * DAY:
            raise bad_input(f"body.until: must lie within the next {MAX_DAYS} days")
        made, at = new_id("grant"), write.systems.clock.stamp()
        db.execute(
            "INSERT INTO access_grants VALUES (?, 1, 'active', ?, ?, ?, ?, ?)",
            (made, body.user, body.system, body.until, write.caller.person.name, at),
        )
        said = f"Let {body.user} into {body.system} until {body.until}."
        return Done(_visible(db, write.caller, made), said, "revokeAccessGrant.")

    return write.run(act)


@effect(router, "/access-grants/{grant_id}", "revokeAccessGrant", Grant, method="DELETE")
def revoke_grant(grant_id: Annotated[Id, Path()], write: Writer) -> Response:
    """End a grant now."""

    def act(db: sqlite3.Connection) -> Done:
        grant = _visible(db, write.caller, grant_id)
        write.expect(grant.version)
        if grant.state != "active":
            raise Problem(409, "revoked-before", "This grant was revoked before.")
        db.execute(
            "UPDATE access_grants SET state = 'revoked', version = version + 1 WHERE id = ?", (grant_id,)
        )
        said = f"End the access of {grant.user} to {grant.system}."
        return Done(_visible(db, write.caller, grant_id), said, "createAccessGrant.")

    return write.run(act)


def _visible(db: sqlite3.Connection, caller: Caller, grant_id: str) -> Grant:
    row = db.execute("SELECT * FROM access_grants WHERE id = ?", (grant_id,)).fetchone()
    if row is None or not (row["user"] == caller.person.name or caller.holds("access:grant")):
        raise absent()
    return Grant(**dict(row))
