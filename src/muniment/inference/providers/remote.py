"""Which provider speaks the wire format of an endpoint that is reached over the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muniment.inference.catalog import Endpoint
from muniment.inference.providers.provider import Provider

if TYPE_CHECKING:
    from muniment.foundation.egress import Egress


def remote(endpoint: Endpoint, egress: Egress) -> Provider:
    """Return the provider; what it needs is loaded when it is first asked."""
    match endpoint.kind:
        case "azure":
            from muniment.inference.providers.azure import AzureEndpoint

            return AzureEndpoint(endpoint, egress)
        case "anthropic":
            from muniment.inference.providers.anthropic import AnthropicEndpoint

            return AnthropicEndpoint(endpoint, egress)
        case "bedrock":
            from muniment.inference.providers.bedrock import BedrockEndpoint

            return BedrockEndpoint(endpoint, egress)
        case "openai":
            from muniment.inference.providers.openai import OpenAIEndpoint

            return OpenAIEndpoint(endpoint, egress)
        case _:
            raise ValueError(f"{endpoint.kind} is not reached over the network")
