"""Any server that speaks the OpenAI chat completions format, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from muniment.inference.messages import Request
from muniment.inference.providers.chat import NO_KEY, ChatEndpoint
from muniment.inference.providers.provider import Budget

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from pydantic_ai.models import Model, StreamedResponse
    from pydantic_ai.settings import ModelSettings

    from muniment.foundation.egress import Client


class OpenAIEndpoint(ChatEndpoint):
    """One endpoint of the catalog."""

    modules: ClassVar[tuple[str, ...]] = (
        "pydantic_ai.models.openai",
        "pydantic_ai.providers.openai_compatible",
    )
    expected: ClassVar[tuple[str, str]] = (
        "a chat completion",
        "Check that its base_url ends where the OpenAI routes begin, such as /v1.",
    )

    def credential(self, key: str) -> dict[str, str]:
        """Return the headers that a key travels in."""
        return {"authorization": f"Bearer {key}"}

    def sdk(self, client: Client) -> AsyncOpenAI:
        """Return the library's own client, for this server."""
        return sdk_of(client, self.endpoint.base_url)

    def takes_max_completion_tokens(self) -> bool:
        """Return whether `max_tokens` has another name there; only OpenAI itself has renamed it."""
        return self.endpoint.origin == "https://api.openai.com"

    def settings(self, request: Request, budget: Budget, model: Model) -> ModelSettings:
        """Add the older way to ask for JSON, which states no schema."""
        made = super().settings(request, budget, model)
        if request.schema is not None and self.endpoint.structured == "json":
            made["extra_body"] = {"response_format": {"type": "json_object"}}
        return made

    def is_whole(self, stream: StreamedResponse) -> bool:
        """Return whether the end of a reply was stated in either way: some servers never give its reason."""
        stated = (
            "finish_reason" in (stream.provider_details or {}) or stream.finish_reason == "content_filter"
        )
        return stated or stream.usage.output_tokens > 0

    def model(self, client: Client) -> Model:
        """Return the library's model over this connection."""
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer, OpenAIModelProfile
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        profile = OpenAIModelProfile(
            openai_chat_supports_max_completion_tokens=self.takes_max_completion_tokens(),
            supports_json_schema_output=True,
            json_schema_transformer=OpenAIJsonSchemaTransformer,
        )
        provider = OpenAICompatibleProvider(
            self.endpoint.name, openai_client=self.sdk(client), profile=profile
        )
        return OpenAIChatModel(self.endpoint.model, provider=provider)


def sdk_of(client: Client, base_url: str, **more: Any) -> AsyncOpenAI:
    """Return a client of the library; what is not stated would be read from the environment."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        api_key=NO_KEY,
        base_url=base_url,
        organization="",
        project="",
        webhook_secret="",
        http_client=client,
        max_retries=0,
        **more,
    )
