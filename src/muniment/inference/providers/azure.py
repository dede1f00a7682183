"""A deployment of Azure OpenAI: OpenAI's format under another address, with another header for the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from muniment.inference.providers.openai import OpenAIEndpoint, sdk_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from muniment.foundation.egress import Client


class AzureEndpoint(OpenAIEndpoint):
    """One deployment; `model` is its name."""

    expected: ClassVar[tuple[str, str]] = (
        "a chat completion",
        "Check its base_url (without a path), model (the deployment's name) and api_version.",
    )

    def credential(self, key: str) -> dict[str, str]:
        """Return the headers of a key, or of a token of Entra ID, as `auth` says."""
        return {"api-key": key} if self.endpoint.auth == "key" else super().credential(key)

    def sdk(self, client: Client) -> AsyncOpenAI:
        """Return the library's own client, for this deployment."""
        place = f"{self.endpoint.base_url}/openai/deployments/{quote(self.endpoint.model, safe='')}"
        return sdk_of(client, place, default_query={"api-version": self.endpoint.api_version})

    def takes_max_completion_tokens(self) -> bool:
        """Return whether the service is as new as the newer name of `max_tokens`."""
        return self.endpoint.api_version >= "2024-09-01"
