"""Pages of conversations: all of them, where words stand in them, and one to go on with, rename or delete."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.assistant.conversations import LONGEST_SEARCH
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.asking.desk import desk, item, talk_view
from muniment.interfaces.web.asking.views import Share
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 500
"""Conversations on the page of all."""


@router.get("/conversations")
async def all_conversations(request: Request, session: PageSession, threads: Threads) -> Response:
    """List the conversations that the person may open."""
    rooms, who = workspace_of(request).conversations, caller(session)

    def shown() -> str:
        found = rooms.listing(who.principal, who.actor, LISTED)
        return _list(request, session, items=[item(one) for one in found])

    return HTMLResponse(await threads.run(shown))


@router.post("/conversations/search")
async def search(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show where words stand in what the person may read now."""
    fields = await form_of(request, "csrf", "words")
    check_change(request, session, fields.get("csrf"))
    rooms, who = workspace_of(request).conversations, caller(session)
    words = fields.get("words", "").strip()

    def shown() -> str:
        hits = rooms.search(who.principal, words, who.actor)
        listed = [item(one.conversation, one.excerpt) for one in hits]
        return _list(request, session, words=words, hits=listed)

    return HTMLResponse(await threads.run(shown))


@router.get("/conversations/{conversation_id}")
async def conversation_page(
    conversation_id: str, request: Request, session: PageSession, threads: Threads
) -> Response:
    """Show a conversation as far as the person may read it now."""
    return HTMLResponse(await threads.run(lambda: one_conversation(request, session, conversation_id)))


def one_conversation(request: Request, session: Session, conversation_id: str, trouble: str = "") -> str:
    """Return the page of a conversation; `trouble` is why a change of its sharing was refused."""
    rooms, who = workspace_of(request).conversations, caller(session)
    talk = talk_view(rooms.read(who.principal, conversation_id, who.actor))
    shares: list[Share] = []
    if talk.mine:
        shares = [_share(one) for one in rooms.shares(who.principal, conversation_id, who.actor)]
    return desk(
        request,
        session,
        talk.title,
        talk=talk,
        conversation=talk.id,
        shares=shares,
        not_shared=trouble,
    )


def _share(subject: str) -> Share:
    kind, _, name = subject.partition(":")
    said = {"group": "share.group", "service": "share.service"}.get(kind, "share.person")
    return Share(subject, say(said, name=name))


@router.post("/conversations/{conversation_id}/title")
async def rename(conversation_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Give a conversation of the person's own another title."""
    fields = await form_of(request, "csrf", "title")
    check_change(request, session, fields.get("csrf"))
    rooms, who = workspace_of(request).conversations, caller(session)
    title = fields.get("title", "")
    await threads.run(lambda: rooms.rename(who.principal, conversation_id, title, who.actor))
    return RedirectResponse(f"/conversations/{conversation_id}", 303)


@router.post("/conversations/{conversation_id}/delete")
async def delete(conversation_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Remove a conversation of the person's own, for good."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    rooms, who = workspace_of(request).conversations, caller(session)
    await threads.run(lambda: rooms.delete(who.principal, conversation_id, who.actor))
    return RedirectResponse("/", 303)


def _list(request: Request, session: Session, **shown: object) -> str:
    values: dict[str, object] = {"words": "", "hits": (), "items": (), "here": "asking", **shown}
    values |= {"person": person(request, session), "longest": LONGEST_SEARCH}
    return render("asking/conversations.html", say("ask.recent"), **values)
