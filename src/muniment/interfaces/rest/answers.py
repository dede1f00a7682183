"""Asking over HTTP, whole or as a stream, and reading one's own earlier answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar, cast

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Security
from starlette.responses import JSONResponse, Response

from muniment.assistant.values import Answer, Claim, Event, Finished, Started
from muniment.foundation.errors import TooMany, Unavailable
from muniment.governance.audit.entry import Json
from muniment.interfaces.authenticate import Caller, api_caller, limits_of, workspace_of
from muniment.interfaces.limits import ANONYMOUS, share_of
from muniment.interfaces.rest.bodies import (
    AnswerRequest,
    AnswerResponse,
    DifferenceResponse,
    FilterBody,
    LineageResponse,
    ReplayRequest,
    ReplayResponse,
    StoredAnswer,
    without,
)
from muniment.interfaces.rest.events import MEDIA_TYPE, Encoded, ServerEvent, opened
from muniment.interfaces.rest.models import check_model

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.interfaces.offload import Offload

T = TypeVar("T")
router = APIRouter(tags=["answers"])

Asker = Annotated[Caller, Security(api_caller, scopes=["ask"])]
AnswerReader = Annotated[Caller, Security(api_caller, scopes=["answers"])]


class Turns:
    """The threads of this server, as far as one request's caller may take them."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._offload = cast("Offload", request.app.state.offload)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; raises TooMany."""
        try:
            return await self._offload.run(work, share_of(self._request))
        except TooMany as error:
            await self._record(error)
            raise

    async def stream(self, generator: Generator[T]) -> AsyncGenerator[T]:
        """Yield the items of a synchronous generator; raises TooMany."""
        try:
            async with aclosing(self._offload.stream(generator, share_of(self._request))) as items:
                async for item in items:
                    yield item
        except TooMany as error:
            await self._record(error)
            raise

    async def _record(self, error: TooMany) -> None:
        limits, who = limits_of(self._request), share_of(self._request)
        named = who.who if who.kind != "caller" else ANONYMOUS
        limit = error.code.removeprefix("limit-")
        await to_thread.run_sync(lambda: limits.reached(named, limit, error.public, error.retry_after))


async def turns(request: Request) -> Turns:
    """Return the threads as this request may take them."""
    # A plain function would be given a thread of its own to run in.
    return Turns(request)


Threads = Annotated[Turns, Depends(turns)]


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
        return dict(answer_of(workspace, caller, body).as_json())

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


@router.post("/v1/answers/{answer_id}/replay")
async def replay(
    answer_id: str, body: ReplayRequest, request: Request, caller: Asker, threads: Threads
) -> ReplayResponse:
    """Search again for an earlier answer of yours as of then, by what you may read now; and answer it again."""
    workspace = workspace_of(request)

    def replayed() -> dict[str, Json]:
        may_use = partial(check_model, workspace, caller)
        return workspace.replaying.replay(
            caller.principal, answer_id, caller.actor, body.ask, may_use
        ).as_json()

    return ReplayResponse.model_validate(await threads.run(replayed))


@router.get("/v1/answers/{answer_id}/diff/{other_id}")
async def diff(
    answer_id: str, other_id: str, request: Request, caller: AnswerReader, threads: Threads
) -> DifferenceResponse:
    """Return what took part in two earlier answers of yours and differs."""
    workspace = workspace_of(request)

    def compared() -> dict[str, Json]:
        return workspace.comparing.compare(caller.principal, answer_id, other_id, caller.actor).as_json()

    return DifferenceResponse.model_validate(await threads.run(compared))


def _explained(workspace: Workspace, caller: Caller, answer_id: str) -> Callable[[], dict[str, Json]]:
    return lambda: dict(workspace.lineage.explain(caller.principal, answer_id, caller.actor).as_json())


class Asked(Protocol):
    """What a caller wants answered, whatever its request looks like."""

    @property
    def question(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def filters(self) -> FilterBody: ...
    @property
    def output_schema(self) -> Mapping[str, object] | None: ...
    @property
    def conversation(self) -> str | None: ...
    @property
    def earlier(self) -> tuple[str, ...]: ...


def events_of(workspace: Workspace, caller: Caller, asked: Asked) -> Generator[Event]:
    """Yield the events of an answer as `Assistant.stream` does, to a caller who may use the model that is asked."""
    check_model(workspace, caller, asked.model)
    principal, by, limits = caller.principal, caller.actor, asked.filters.filters()
    if asked.conversation is None:
        yield from workspace.dialogue.after(
            principal, asked.question, asked.earlier, by, asked.model, limits, asked.output_schema
        )
        return
    thread = workspace.dialogue.resume(principal, asked.conversation, asked.question, by)
    yield from workspace.dialogue.stream(principal, thread, by, asked.model, limits, asked.output_schema)


def answer_of(workspace: Workspace, caller: Caller, asked: Asked) -> Answer:
    """Return the whole answer; raises as `events_of` does."""
    last: Event | None = None
    for event in events_of(workspace, caller, asked):
        last = event
    if not isinstance(last, Finished):
        raise Unavailable("The answer did not come to its end.")
    return last.answer


async def streamed(
    workspace: Workspace, threads: Turns, caller: Caller, asked: Asked, worded: Callable[[Event], Encoded]
) -> AsyncGenerator[Encoded]:
    """Yield the events of an answer, each worded in the thread that made it, while the key's lease holds."""

    def events() -> Generator[Encoded]:
        with closing(events_of(workspace, caller, asked)) as made:
            for event in made:
                yield worded(event)

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
            return ServerEvent("claim", {"text": event.text, "inferred": event.inferred, "citations": cited})
        case Finished():
            return ServerEvent("finished", event.answer.as_json())
