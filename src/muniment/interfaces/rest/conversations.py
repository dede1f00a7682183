"""Conversations over HTTP: list, begin, read, search, rename, share and delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.rest.answers import AnswerReader, Asker, Threads
from muniment.interfaces.rest.conversation_bodies import (
    ConversationResponse,
    ConversationsResponse,
    HitsResponse,
    NewConversation,
    SearchConversations,
    ShareRequest,
    SharesResponse,
    SummaryBody,
    TitleRequest,
)
from muniment.interfaces.rest.shared_paths import SharesItsPath

SEARCH = "search"
router = APIRouter(tags=["conversations"], route_class=SharesItsPath)
ALL = "/v1/conversations"
ONE = "/v1/conversations/{conversation_id}"


@router.get(ALL)
async def conversations(
    request: Request,
    caller: AnswerReader,
    threads: Threads,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> ConversationsResponse:
    """List the conversations that you may open: your own, and those that others share with you."""
    rooms = workspace_of(request).conversations
    found = await threads.run(lambda: rooms.listing(caller.principal, caller.actor, limit))
    return ConversationsResponse.model_validate({"conversations": [one.as_json() for one in found]})


@router.post(ALL)
async def new_conversation(
    body: NewConversation, request: Request, caller: Asker, threads: Threads
) -> SummaryBody:
    """Begin a conversation; `POST /v1/answers` goes on with it."""
    rooms = workspace_of(request).conversations
    made = await threads.run(lambda: rooms.create(caller.principal, caller.actor, body.title or ""))
    return SummaryBody.model_validate(made.as_json())


@router.post(f"{ALL}/{SEARCH}")
async def search_conversations(
    body: SearchConversations, request: Request, caller: AnswerReader, threads: Threads
) -> HitsResponse:
    """Find where words stand in what you may read now of these conversations."""
    rooms = workspace_of(request).conversations
    hits = await threads.run(lambda: rooms.search(caller.principal, body.words, caller.actor, body.k))
    return HitsResponse.model_validate({"hits": [one.as_json() for one in hits]})


@router.get(ONE)
async def conversation(
    conversation_id: str, request: Request, caller: AnswerReader, threads: Threads
) -> ConversationResponse:
    """Return a conversation, turn by turn as far as you may read it now."""
    rooms = workspace_of(request).conversations
    whole = await threads.run(lambda: rooms.read(caller.principal, conversation_id, caller.actor))
    return ConversationResponse.model_validate(whole.as_json())


@router.patch(ONE, status_code=204, response_model=None)
async def rename_conversation(
    conversation_id: str, body: TitleRequest, request: Request, caller: Asker, threads: Threads
) -> Response:
    """Give a conversation of yours another title."""
    rooms = workspace_of(request).conversations
    await threads.run(lambda: rooms.rename(caller.principal, conversation_id, body.title, caller.actor))
    return Response(status_code=204)


@router.delete(ONE, status_code=204, response_model=None)
async def delete_conversation(
    conversation_id: str, request: Request, caller: Asker, threads: Threads
) -> Response:
    """Remove a conversation of yours with its answers, for good."""
    rooms = workspace_of(request).conversations
    await threads.run(lambda: rooms.delete(caller.principal, conversation_id, caller.actor))
    return Response(status_code=204)


@router.get(f"{ONE}/shares")
async def shares(
    conversation_id: str, request: Request, caller: AnswerReader, threads: Threads
) -> SharesResponse:
    """Say with whom you share a conversation of yours."""
    rooms = workspace_of(request).conversations
    found = await threads.run(lambda: rooms.shares(caller.principal, conversation_id, caller.actor))
    return SharesResponse(shares=found)


@router.post(f"{ONE}/shares")
async def share(
    conversation_id: str, body: ShareRequest, request: Request, caller: Asker, threads: Threads
) -> SharesResponse:
    """Let somebody read a conversation of yours: of each turn, what their own rights open to them."""
    rooms = workspace_of(request).conversations
    left = await threads.run(
        lambda: rooms.share(caller.principal, conversation_id, body.subject, caller.actor)
    )
    return SharesResponse(shares=left)


@router.delete(f"{ONE}/shares/{{subject_id}}")
async def unshare(
    conversation_id: str, subject_id: str, request: Request, caller: Asker, threads: Threads
) -> SharesResponse:
    """Take a share back, from the next request on."""
    rooms = workspace_of(request).conversations
    left = await threads.run(
        lambda: rooms.unshare(caller.principal, conversation_id, subject_id, caller.actor)
    )
    return SharesResponse(shares=left)
