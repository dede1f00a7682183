"""Pages of conversations: read one and go on with it, rename it, delete it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.desk import caller, desk, talk_view
from muniment.interfaces.web.forms import form_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/conversations/{conversation_id}")
async def conversation_page(
    conversation_id: str, request: Request, session: PageSession, threads: Threads
) -> Response:
    """Show a conversation as far as the person may read it now."""
    workspace, who = workspace_of(request), caller(session)

    def shown() -> str:
        whole = workspace.conversations.read(who.principal, conversation_id, who.actor)
        talk = talk_view(whole)
        return desk(request, session, talk.title, talk=talk, conversation=talk.id)

    return HTMLResponse(await threads.run(shown))


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
