"""A server that speaks the Anthropic messages format, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from muniment.inference.messages import Request
from muniment.inference.providers.chat import NO_KEY, REPLY, ChatEndpoint
from muniment.inference.providers.provider import Budget

if TYPE_CHECKING:
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

    from muniment.foundation.egress import Client


class AnthropicEndpoint(ChatEndpoint):
    """One endpoint of the catalog."""

    modules: ClassVar[tuple[str, ...]] = ("pydantic_ai.models.anthropic", "pydantic_ai.providers.anthropic")
    extra: ClassVar[str] = "anthropic"
    expected: ClassVar[tuple[str, str]] = (
        "a message",
        "Check that its base_url ends before /v1/messages.",
    )

    def credential(self, key: str) -> dict[str, str]:
        """Return the headers that a key travels in."""
        return {"x-api-key": key}

    def model(self, client: Client) -> Model:
        """Return the library's model over this connection."""
        from anthropic import AsyncAnthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        sdk = AsyncAnthropic(
            api_key=NO_KEY,
            base_url=self.endpoint.base_url,
            webhook_key="",
            http_client=client,
            max_retries=0,
            open_telemetry=False,
        )
        return AnthropicModel(self.endpoint.model, provider=AnthropicProvider(anthropic_client=sdk))

    def settings(self, request: Request, budget: Budget, model: Model) -> ModelSettings:
        """Leave out what newer models refuse."""
        made = super().settings(request, budget, model)
        if model.profile.get("anthropic_disallows_sampling_settings", False):
            made.pop("temperature", None)
        return made

    def parameters(self, request: Request, model: Model) -> ModelRequestParameters | None:
        """Ask by the service's own way where the model has it, else by a tool that it must call."""
        made = super().parameters(request, model)
        if made is None or model.profile.get("supports_json_schema_output", False):
            return made
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.tools import ToolDefinition

        tool = ToolDefinition(name=REPLY, parameters_json_schema=dict(request.schema or {}), kind="output")
        return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
