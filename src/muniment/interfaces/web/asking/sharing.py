"""Sharing a conversation from its page: with whom, and taking it back."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import BadInput
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.asking.conversations import one_conversation
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.shell import caller

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

KINDS = ("user", "group")


@router.post("/conversations/{conversation_id}/shares")
async def share(conversation_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Let a person or a group read a conversation of the person's own."""
    fields = await form_of(request, "csrf", "kind", "name")
    check_change(request, session, fields.get("csrf"))
    rooms, who = workspace_of(request).conversations, caller(session)
    kind, name = fields.get("kind", ""), fields.get("name", "").strip()

    def work() -> object:
        if kind not in KINDS or not name:
            raise BadInput(
                "That names neither a person nor a group.", fix="Choose which, and write its name."
            )
        return rooms.share(who.principal, conversation_id, f"{kind}:{name}", who.actor)

    return await threads.run(lambda: _done(request, session, conversation_id, work))


@router.post("/conversations/{conversation_id}/shares/remove")
async def unshare(conversation_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Take a share back."""
    fields = await form_of(request, "csrf", "subject")
    check_change(request, session, fields.get("csrf"))
    rooms, who = workspace_of(request).conversations, caller(session)
    subject = fields.get("subject", "")

    def work() -> object:
        return rooms.unshare(who.principal, conversation_id, subject, who.actor)

    return await threads.run(lambda: _done(request, session, conversation_id, work))


def _done(request: Request, session: Session, conversation_id: str, work: Callable[[], object]) -> Response:
    try:
        work()
    except BadInput as error:
        told = problem_of(error)
        trouble = f"{told.title} {told.detail}".strip()
        return HTMLResponse(one_conversation(request, session, conversation_id, trouble), told.status)
    return RedirectResponse(f"/conversations/{conversation_id}#sharing", 303)
