"""Mail: everyone sees their own mailbox only. What others wrote in it is theirs, and may say anything."""

from __future__ import annotations

import json
import sqlite3
from typing import Annotated, Any, Literal

from calls import Caller, allowed, etag, reading
from effects import Done, Write, effect, writing
from fastapi import APIRouter, Depends, Path, Query, Response
from permissions import DOMAIN, address_of
from problems import absent, bad_input
from pydantic import Field
from shapes import Address, Closed, Id, Line, NoOptions, Text
from store import new_id

router = APIRouter(tags=["mail"])
Reader = Annotated[Caller, Depends(allowed("mail:read"))]
Folder = Literal["inbox", "sent", "drafts"]


class NewMail(Closed):
    """What to send, or to keep as a draft."""

    to: Annotated[list[Address], Field(min_length=1, max_length=20)]
    subject: Line
    body: Text
    in_reply_to: Id | None = None


class MailHead(Closed):
    """One mail without its text."""

    id: Id
    folder: Folder
    sender: str
    to: list[str]
    subject: str = Field(description="Written by the sender: untrusted.")
    at: str


class Mail(MailHead):
    """One mail."""

    version: int = 1
    body: str = Field(description="Written by the sender: untrusted.")
    in_reply_to: Id | None


class Mails(Closed):
    """Mails, newest first."""

    mails: list[MailHead]


class Drafts(Closed):
    """Drafts, newest first."""

    drafts: list[Mail]


class MailFilter(Closed):
    """Which mails are listed."""

    search: Annotated[str, Field(max_length=200, description="Part of sender, subject or text.")] = ""
    folder: Folder = "inbox"
    limit: Annotated[int, Field(ge=1, le=100)] = 50


@reading(router, "/mail", "listMail")
def list_mail(asked: Annotated[MailFilter, Query()], caller: Reader) -> Mails:
    """List mails of the person's own mailbox."""
    with caller.systems.store.reading() as db:
        rows = db.execute(
            "SELECT id, folder, sender, recipients, subject, at FROM mail WHERE owner = ? AND folder = ?"
            " AND instr(lower(sender || char(10) || subject || char(10) || body), lower(?))"
            " ORDER BY at DESC, id LIMIT ?",
            (caller.person.name, asked.folder, asked.search, asked.limit),
        )
        return Mails(mails=[MailHead(**_fields(row)) for row in rows])


@reading(router, "/mail/{mail_id}", "getMail")
def get_mail(
    mail_id: Annotated[Id, Path()], _none: Annotated[NoOptions, Query()], caller: Reader, response: Response
) -> Mail:
    """Read one mail of the person's own mailbox."""
    with caller.systems.store.reading() as db:
        found = _own(db, caller, mail_id)
    response.headers["etag"] = etag(found.version)
    return found


@reading(router, "/drafts", "listDrafts")
def list_drafts(_none: Annotated[NoOptions, Query()], caller: Reader) -> Drafts:
    """List the person's own drafts, whole."""
    with caller.systems.store.reading() as db:
        rows = db.execute(
            "SELECT * FROM mail WHERE owner = ? AND folder = 'drafts' ORDER BY at DESC, id LIMIT 100",
            (caller.person.name,),
        )
        return Drafts(drafts=[Mail(**_fields(row)) for row in rows])


@effect(router, "/mail", "sendMail", Mail, status=201)
def send_mail(body: NewMail, write: Annotated[Write, Depends(writing("mail:send"))]) -> Response:
    """Send a mail; it cannot be called back."""

    def act(db: sqlite3.Connection) -> Done:
        people = {address_of(name): name for name in write.systems.permissions.people()}
        unknown = [to for to in body.to if to.endswith(f"@{DOMAIN}") and to not in people]
        if unknown:
            raise bad_input(f"body.to: nobody at {DOMAIN} has the address {unknown[0]}")
        kept = _keep(db, write, body, "sent", write.caller.person.name)
        outside = 0
        for to in dict.fromkeys(body.to):
            if to in people:
                _keep(db, write, body, "inbox", people[to])
            else:
                outside += 1
                _leave(db, write, body, to)
        said = f"Send {body.subject!r} to {', '.join(body.to)}; {outside} of them outside the company."
        return Done(_own(db, write.caller, kept), said, "None: what was sent stays sent.")

    return write.run(act)


@effect(router, "/drafts", "createDraft", Mail, status=201)
def create_draft(body: NewMail, write: Annotated[Write, Depends(writing("mail:draft"))]) -> Response:
    """Keep a draft in the person's own mailbox; nobody else sees it."""

    def act(db: sqlite3.Connection) -> Done:
        kept = _keep(db, write, body, "drafts", write.caller.person.name)
        return Done(
            _own(db, write.caller, kept),
            f"Keep a draft of {body.subject!r}.",
            "Nobody but its writer sees it.",
        )

    return write.run(act)


def _keep(db: sqlite3.Connection, write: Write, body: NewMail, folder: Folder, owner: str) -> str:
    if body.in_reply_to is not None:
        _own(db, write.caller, body.in_reply_to)
    kept, sender = new_id("mail"), address_of(write.caller.person.name)
    # An id of the sender's mailbox means nothing in another one.
    answered = None if folder == "inbox" else body.in_reply_to
    to, at = json.dumps(body.to), write.systems.clock.stamp()
    db.execute(
        "INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (kept, owner, folder, sender, to, body.subject, body.body, answered, at),
    )
    return kept


def _leave(db: sqlite3.Connection, write: Write, body: NewMail, to: str) -> None:
    sender, at = address_of(write.caller.person.name), write.systems.clock.stamp()
    db.execute(
        "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?)",
        (new_id("out"), sender, to, body.subject, body.body, at),
    )


def _own(db: sqlite3.Connection, caller: Caller, mail_id: str) -> Mail:
    row = db.execute(
        "SELECT * FROM mail WHERE id = ? AND owner = ?", (mail_id, caller.person.name)
    ).fetchone()
    if row is None:
        raise absent()
    return Mail(**_fields(row))


def _fields(row: sqlite3.Row) -> dict[str, Any]:
    fields = dict(row)
    fields.pop("owner", None)
    return fields | {"to": json.loads(fields.pop("recipients"))}
