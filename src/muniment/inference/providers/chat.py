"""What the endpoints share whose wire format a client library speaks.

Nothing of the process's environment reaches the library, and its connections are those of `egress`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Chunk, Request, TextDelta, Usage
from muniment.inference.providers import failures
from muniment.inference.providers.provider import Budget
from muniment.inference.providers.streaming import BrokeOff, Give, streamed

if TYPE_CHECKING:
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
    from pydantic_ai.settings import ModelSettings

    from muniment.foundation.egress import Client, Egress

REPLY = "reply"
"""What a schema is called where a name is asked for."""
NO_KEY = "none"
"""What the library is told, which takes no key from us and would look for one in the environment."""
_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
"""What is sent of the headers that the library states: it takes others from the environment."""


class ChatEndpoint(ABC):
    """One endpoint of the catalog, asked through a model class of the client library."""

    modules: ClassVar[tuple[str, ...]]
    """What is loaded before the clock of a call starts: its seconds are not the endpoint's."""
    extra: ClassVar[str] = ""
    """The extra that brings them; empty: they are always there."""
    expected: ClassVar[tuple[str, str]]
    """What the endpoint should reply, and what to check where it does not."""

    def __init__(self, endpoint: Endpoint, egress: Egress) -> None:
        self.endpoint = endpoint
        self._egress = egress

    @abstractmethod
    def model(self, client: Client) -> Model:
        """Return the library's model over this connection, for the key `NO_KEY`."""

    @abstractmethod
    def credential(self, key: str) -> dict[str, str]:
        """Return the headers that a key travels in."""

    def parameters(self, request: Request, model: Model) -> ModelRequestParameters | None:
        """Return how the library is to ask for the request's schema; None where it is not sent so."""
        if request.schema is None or self.endpoint.structured != "schema":
            return None
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        schema = OutputObjectDefinition(dict(request.schema), name=REPLY, strict=None)
        return ModelRequestParameters(output_mode="native", output_object=schema)

    def settings(self, request: Request, budget: Budget, model: Model) -> ModelSettings:
        """Return how the model is to write."""
        from pydantic_ai.settings import ModelSettings

        made = ModelSettings(
            max_tokens=budget.max_output_tokens,
            timeout=budget.timeout_seconds,
            max_retries=0,
        )
        if self.endpoint.temperature is not None:
            made["temperature"] = self.endpoint.temperature
        return made

    def is_whole(self, stream: StreamedResponse) -> bool:
        """Return whether a stream that ended says that the reply did."""
        return stream.finish_reason is not None

    def complete(self, request: Request, budget: Budget) -> Iterator[Chunk]:
        """Yield the reply as it comes; raises as `Provider.complete` says."""
        self._load()
        key = self.endpoint.key()
        headers = {} if key is None else self.credential(key.reveal())

        async def run(give: Give) -> None:
            await self._run(request, budget, headers, give)

        return streamed(run, self.translated, budget)

    async def _run(self, request: Request, budget: Budget, headers: Mapping[str, str], give: Give) -> None:
        from pydantic_ai.direct import model_request_stream
        from pydantic_ai.messages import ModelRequest

        async def ours(sent: Any) -> None:
            for name in [name for name in sent.headers if name.lower() not in _HEADERS]:
                del sent.headers[name]
            sent.headers.update(headers)

        message = ModelRequest.user_text_prompt(prompts.user_text(request), instructions=request.instructions)
        async with self._egress.client(budget.timeout_seconds) as client:
            client.event_hooks["request"].append(ours)
            model = self.model(client)
            asked = self.parameters(request, model)
            offered = {tool.name for tool in asked.output_tools} if asked else set[str]()
            settings = self.settings(request, budget, model)
            async with model_request_stream(
                model, [message], model_settings=settings, model_request_parameters=asked
            ) as stream:
                reply = _Reply(offered)
                async for event in stream:
                    if text := reply.text_of(event):
                        give(TextDelta(text))
                if not self.is_whole(stream):
                    raise BrokeOff
                usage = stream.usage
        give(Usage(usage.input_tokens, usage.output_tokens))

    def translated(self, error: BaseException) -> MunimentError:
        """Return the one line for an error of the client library."""
        from pydantic_ai import exceptions

        if (found := failures.known(self.endpoint, error)) is not None:
            return found
        if isinstance(error, exceptions.ModelRequestTimeout | exceptions.ModelTimeoutError):
            return failures.timed_out(self.endpoint, error)
        if isinstance(error, exceptions.ModelHTTPError):
            wait = error.retry_after or 0.0
            return failures.of_status(self.endpoint, error.status_code, wait, failures.detail_of(error))
        if isinstance(error, exceptions.ModelConnectionError):
            return failures.broke_off(self.endpoint, error)
        return failures.not_a_reply(self.endpoint, error, *self.expected)

    def _load(self) -> None:
        try:
            for name in ("pydantic_ai.direct", *self.modules):
                importlib.import_module(name)
        except ImportError as error:
            if not self.extra:
                raise
            raise NotSetUp(
                f"The model {self.endpoint.name!r} needs the extra `{self.extra}`.",
                fix=f'Run: pip install "muniment[{self.extra}]"',
            ) from error


class _Reply:
    """Finds the text among the events of a stream: what is said, and what is put into a tool that was offered."""

    def __init__(self, offered: set[str]) -> None:
        self._offered = offered
        self._taken = set[int]()

    def text_of(self, event: Any) -> str:
        from pydantic_ai import messages

        if isinstance(event, messages.PartStartEvent):
            part = event.part
            if isinstance(part, messages.TextPart):
                return part.content
            if isinstance(part, messages.ToolCallPart) and part.tool_name in self._offered:
                self._taken.add(event.index)
                return part.args_as_json_str() if part.args else ""
        elif isinstance(event, messages.PartDeltaEvent):
            delta = event.delta
            if isinstance(delta, messages.TextPartDelta):
                return delta.content_delta
            if isinstance(delta, messages.ToolCallPartDelta) and event.index in self._taken:
                return delta.args_delta if isinstance(delta.args_delta, str) else ""
        return ""
