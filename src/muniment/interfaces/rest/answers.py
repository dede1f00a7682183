"""Asking over HTTP, whole or as a stream, and reading one's own earlier answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Depends, Request, Security
from starlette.responses import JSONResponse, Response

from muniment.assistant.values import Claim, Event, Finished, Started
from muniment.governance.audit.entry import Json
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.offload import Offload
from muniment.interfaces.rest.bodies import (
    AnswerRequest,
    AnswerResponse,
    LineageResponse,
    StoredAnswer,
    without,
)
from muniment.interfaces.rest.events import MEDIA_TYPE, ServerEvent, opened
from muniment.interfaces.rest.models import check_model

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(tags=["answers"])

Asker = Annotated[Caller, Security(api_caller, scopes=["ask"])]
AnswerReader = Annotated[Caller, Security(api_caller, scopes=["answers"])]


def offload_of(request: Request) -> Offload:
    """Return the threads of this server."""
    return cast("Offload", request.app.state.offload)


Threads = Annotated[Offload, Depends(offload_of)]


@router.post(
    "/v1/answers",
    response_model=AnswerResponse,
    responses={
        200: {
            "description": "The answer; as events `started`, `claim`…, `finished` or `error` when asked for.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        }
    },
)
async def answer(body: AnswerRequest, request: Request, caller: Asker, threads: Threads) -> Response:
    """Answer a question from what you may read, with evidence."""
    workspace = workspace_of(request)
    if MEDIA_TYPE in request.headers.get("accept", ""):
        return await opened(streamed(workspace, threads, caller, body, _event))

    def ask() -> dict[str, object]:
        check_model(workspace, caller.principal, body.model)
        limits = body.filters.filters()
        made = workspace.assistant.ask(caller.principal, body.question, caller.actor, body.model, limits)
        return dict(made.as_json())

    return JSONResponse(await threads.run(ask))


@router.get("/v1/answers/{answer_id}")
async def stored_answer(
    answer_id: str, request: Request, caller: AnswerReader, threads: Threads
) -> StoredAnswer:
    """Return an earlier answer of yours, as far as you may read its evidence now."""
    found = await threads.run(_explained(workspace_of(request), caller, answer_id))
    return StoredAnswer.model_validate(without(found, "principal", "lineage"))


@router.get("/v1/answers/{answer_id}/lineage")
async def lineage(
    answer_id: str, request: Request, caller: AnswerReader, threads: Threads
) -> LineageResponse:
    """Return how an earlier answer of yours came about."""
    found = await threads.run(_explained(workspace_of(request), caller, answer_id))
    names = ("id", "principal", "at", "lineage")
    return LineageResponse.model_validate({name: found[name] for name in names})


def _explained(workspace: Workspace, caller: Caller, answer_id: str) -> Callable[[], dict[str, Json]]:
    return lambda: dict(workspace.lineage.explain(caller.principal, answer_id, caller.actor).as_json())


async def streamed(
    workspace: Workspace,
    threads: Offload,
    caller: Caller,
    body: AnswerRequest,
    worded: Callable[[Event], ServerEvent],
) -> AsyncGenerator[ServerEvent]:
    """Yield the events of an answer, each worded in the thread that made it, while the key's lease holds."""

    def events() -> Generator[ServerEvent]:
        check_model(workspace, caller.principal, body.model)
        limits = body.filters.filters()
        made = workspace.assistant.stream(caller.principal, body.question, caller.actor, body.model, limits)
        try:
            for event in made:
                yield worded(event)
        finally:
            made.close()

    async with aclosing(threads.stream(events())) as items:
        async for item in items:
            workspace.lease.check()
            yield item


def _event(event: Event) -> ServerEvent:
    match event:
        case Started():
            return ServerEvent("started", {"id": event.answer_id, "model": event.model})
        case Claim():
            cited = [citation.as_json() for citation in event.citations]
            return ServerEvent("claim", {"text": event.text, "citations": cited})
        case Finished():
            return ServerEvent("finished", event.answer.as_json())
