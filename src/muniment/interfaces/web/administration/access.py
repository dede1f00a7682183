"""Pages that answer who may read what and who may do what, and why."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.vocabulary import actions
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.directory import place_of
from muniment.interfaces.web.administration.refusal import Refusal, refusal_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

HERE = "administration.access"
_LONGEST = 500


@router.get("/administration/access")
async def access(request: Request, session: PageSession, threads: Threads) -> Response:
    """Ask what somebody may read, who may read something, and why somebody may or may not do something."""

    def shown() -> Response:
        admitted(request, session, HERE)
        return _page(request, session)

    return await threads.run(shown)


@router.post("/administration/access/person")
async def of_person(request: Request, session: PageSession, threads: Threads) -> Response:
    """Say what somebody may read."""
    fields = await form_of(request, "csrf", "name", "page")
    check_change(request, session, fields.get("csrf"))

    def shown() -> Response:
        who, name = admitted(request, session, HERE), _one(fields, "name")
        try:
            page = _number(fields.get("page", ""))
            found = workspace_of(request).access_explorer.of_person(name, page, who.principal, who.actor)
        except MunimentError as error:
            return _page(request, session, refusal_of(error), name=name)
        return _page(request, session, name=name, reads=found)

    return await threads.run(shown)


@router.post("/administration/access/document")
async def of_document(request: Request, session: PageSession, threads: Threads) -> Response:
    """Say who may read a document."""
    fields = await form_of(request, "csrf", "document")
    check_change(request, session, fields.get("csrf"))

    def shown() -> Response:
        who, document = admitted(request, session, HERE), _one(fields, "document")
        try:
            found = workspace_of(request).access_explorer.of_document(document, who.principal, who.actor)
        except MunimentError as error:
            return _page(request, session, refusal_of(error), document=document)
        return _page(request, session, document=document, readers=found)

    return await threads.run(shown)


@router.post("/administration/access/decision")
async def of_decision(request: Request, session: PageSession, threads: Threads) -> Response:
    """Say why somebody may or may not do something."""
    fields = await form_of(request, "csrf", "who", "action", "about", "with")
    check_change(request, session, fields.get("csrf"))

    def shown() -> Response:
        who = admitted(request, session, HERE)
        asked = {name: _one(fields, name) for name in ("who", "action", "about", "with")}
        try:
            found = workspace_of(request).explaining.why(
                asked["who"],
                asked["action"],
                asked["about"],
                _stated(asked["with"]),
                who.principal,
                who.actor,
            )
        except MunimentError as error:
            return _page(request, session, refusal_of(error), asked=asked)
        return _page(request, session, asked=asked, reasoning=found)

    return await threads.run(shown)


def _page(request: Request, session: Session, refused: Refusal | None = None, **filled: object) -> Response:
    told = refused or Refusal()
    values: dict[str, object] = {
        "here": HERE,
        "name": "",
        "document": "",
        "asked": {"who": "", "action": "", "about": "", "with": ""},
        "reads": None,
        "readers": None,
        "reasoning": None,
        "actions": [one.name for one in actions().values() if one.kinds],
        "place_of": place_of,
        "trouble": told.said,
        **filled,
    }
    page = render(
        "administration/access.html", say("access.title"), person=person(request, session), **values
    )
    return HTMLResponse(page, told.status)


def _one(fields: dict[str, str], name: str) -> str:
    return fields.get(name, "").strip()[:_LONGEST]


def _number(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise BadInput("There is no such page.", fix="Begin with the first one.")
    return int(text or "0")


def _stated(text: str) -> dict[str, str]:
    """Return what a resource has, of one NAME=VALUE on a line; raises BadInput."""
    stated: dict[str, str] = {}
    for line in (one.strip() for one in text.splitlines()):
        name, equals, value = line.partition("=")
        if line and not (equals and name.strip()):
            raise BadInput(f"'{line}' is not NAME=VALUE.", fix="Such as requester=user:bob.")
        if line:
            stated[name.strip()] = value.strip()
    return stated
