"""Chat completions: the last question of a conversation, answered by the assistant and through its gate."""

from __future__ import annotations

from contextlib import closing

from fastapi import APIRouter, Request
from starlette.responses import Response

from muniment.interfaces.authenticate import workspace_of
from muniment.interfaces.openai import CHAT
from muniment.interfaces.openai.asking import asked
from muniment.interfaces.openai.bodies import ChatCompletion, ChatRequest
from muniment.interfaces.openai.errors import DOCUMENTED, InTheWordsOfOpenAI, failed
from muniment.interfaces.openai.reply import Frame, Stream, whole
from muniment.interfaces.rest.answers import Asker, Threads, events_of, streamed
from muniment.interfaces.rest.events import MEDIA_TYPE, opened

router = APIRouter(tags=["openai"], route_class=InTheWordsOfOpenAI)


@router.post(
    CHAT,
    response_model=ChatCompletion,
    responses={
        **DOCUMENTED,
        200: {
            "description": "The answer; as chunks where `stream` is set.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
    },
)
async def chat_completion(body: ChatRequest, request: Request, caller: Asker, threads: Threads) -> Response:
    """Answer the last question of a conversation from what you may read, with evidence."""
    workspace = workspace_of(request)
    wanted = asked(body, [one.name for one in workspace.catalog.endpoints()])
    created = int(workspace.clock.now().timestamp())
    frame = Frame(
        wanted.model or workspace.catalog.default,
        created,
        str(request.base_url),
        wanted.output_schema is not None,
    )
    if body.stream:
        options = body.stream_options
        stream = Stream(frame, usage=bool(options and options.include_usage))
        return await opened(streamed(workspace, threads, caller, wanted, stream.worded), failed)

    def ask() -> ChatCompletion:
        with closing(events_of(workspace, caller, wanted)) as events:
            return whole(frame, events)

    made = await threads.run(ask)
    return Response(made.model_dump_json(), media_type="application/json")
