"""Any server that speaks the OpenAI chat completions format, streamed.

The call runs on a thread with a loop of its own, so that it can be read and stopped from synchronous code. Nothing
of the process's environment reaches the client library.
"""

from __future__ import annotations

import asyncio
import importlib
import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Chunk, Request, TextDelta, Usage
from muniment.inference.providers.provider import Budget, Busy

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from muniment.foundation.egress import Client, Egress

_GRACE_SECONDS = 2.0
"""How much longer than its budget a call is waited for before it is given up."""
_END = object()


class OpenAIEndpoint:
    """One endpoint of the catalog."""

    def __init__(self, endpoint: Endpoint, egress: Egress) -> None:
        self._endpoint = endpoint
        self._egress = egress

    def complete(self, request: Request, budget: Budget) -> Iterator[Chunk]:
        """Yield the reply as it comes; raises as `Provider.complete` says."""
        _load()
        call = _Call(self, request, budget)
        try:
            yield from call.chunks(budget.timeout_seconds + _GRACE_SECONDS)
        finally:
            call.stop()

    async def run(self, request: Request, budget: Budget, give: queue.SimpleQueue[Any]) -> None:
        """Put the reply's chunks into `give`; raises the errors of the client library."""
        from pydantic_ai.direct import model_request_stream
        from pydantic_ai.messages import ModelRequest, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
        from pydantic_ai.settings import ModelSettings

        settings = ModelSettings(
            max_tokens=budget.max_output_tokens,
            temperature=0.0,
            timeout=budget.timeout_seconds,
            request_timeout=budget.timeout_seconds,
            max_retries=0,
        )
        message = ModelRequest.user_text_prompt(prompts.user_text(request), instructions=request.instructions)
        async with self._egress.client(budget.timeout_seconds) as client:
            model = self._model(client)
            async with model_request_stream(model, [message], model_settings=settings) as stream:
                async for event in stream:
                    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                        give.put(TextDelta(event.part.content))
                    elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                        give.put(TextDelta(event.delta.content_delta))
                usage = stream.usage
        give.put(Usage(usage.input_tokens, usage.output_tokens))

    def _model(self, client: Client) -> Model:
        from openai import AsyncOpenAI
        from openai._types import Omit
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles.openai import OpenAIModelProfile
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        key = self._endpoint.api_key
        # An unset key, organisation or project would be read from the environment.
        sdk = AsyncOpenAI(
            api_key=key.reveal() if key else "none",
            base_url=self._endpoint.base_url,
            organization="",
            project="",
            webhook_secret="",
            default_headers={"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()},  # pyright: ignore[reportArgumentType]
            http_client=client,
            max_retries=0,
        )
        profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=_is_openai(self._endpoint))
        provider = OpenAICompatibleProvider(self._endpoint.name, openai_client=sdk, profile=profile)
        return OpenAIChatModel(self._endpoint.model, provider=provider)

    def translated(self, error: BaseException) -> MunimentError:
        """Return the one line for an error of the client library; the cause stays in the private detail."""
        from pydantic_ai import exceptions as failures

        name = f"The model {self._endpoint.name!r}"
        detail = f"{type(error).__name__} from {type(error.__cause__).__name__}"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MunimentError):
                return Unavailable(
                    f"{name} could not be reached: {cause.public}", fix=cause.fix, detail=detail
                )
            cause = cause.__cause__
        if isinstance(error, failures.ModelRequestTimeout | failures.ModelTimeoutError | TimeoutError):
            return Unavailable(
                f"{name} did not answer within {self._endpoint.timeout_seconds:g} seconds.",
                fix="Try again, or raise its timeout_seconds.",
                detail=detail,
            )
        if isinstance(error, failures.ModelHTTPError):
            return _for_status(name, error.status_code, detail)
        if isinstance(error, failures.ModelConnectionError):
            return Busy(
                f"{name} could not be reached, or broke off.",
                fix="Check that it runs and that its base_url is right.",
                detail=detail,
            )
        return Unavailable(
            f"{name} returned something that is not a chat completion.",
            fix="Check that its base_url ends where the OpenAI routes begin, such as /v1.",
            detail=detail,
        )


def _for_status(name: str, status: int, detail: str) -> MunimentError:
    if status == 429 or status >= 500:
        return Busy(
            f"{name} is busy or failing (status {status}).", fix="Try again in a moment.", detail=detail
        )
    if status in (401, 403):
        fix = "Check the key that its api_key refers to."
    elif status == 404:
        fix = "Check its base_url and its model name."
    else:
        fix = "Check its settings, such as model and max_output_tokens."
    return Unavailable(f"{name} refused the request (status {status}).", fix=fix, detail=detail)


def _is_openai(endpoint: Endpoint) -> bool:
    """Only there `max_tokens` has been renamed."""
    return endpoint.origin == "https://api.openai.com"


def _load() -> None:
    """Load the client library first: its seconds are not the endpoint's."""
    for name in (
        "pydantic_ai.direct",
        "pydantic_ai.models.openai",
        "pydantic_ai.providers.openai_compatible",
    ):
        importlib.import_module(name)


class _Call:
    """One request on its own thread."""

    def __init__(self, owner: OpenAIEndpoint, request: Request, budget: Budget) -> None:
        self._owner = owner
        self._request = request
        self._budget = budget
        self._given: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-call", daemon=True)
        self._thread.start()

    def chunks(self, seconds: float) -> Iterator[Chunk]:
        while True:
            try:
                given = self._given.get(timeout=seconds)
            except queue.Empty:
                raise self._owner.translated(TimeoutError()) from None
            if given is _END:
                return
            if isinstance(given, BaseException):
                raise self._owner.translated(given) from None
            yield given

    def stop(self) -> None:
        """Cancel what still runs."""
        self._stopped.set()
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._task.cancel)
            except RuntimeError:
                return
        self._thread.join(_GRACE_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._given.put(error)
        self._given.put(_END)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if not self._stopped.is_set():
            await self._owner.run(self._request, self._budget, self._given)
