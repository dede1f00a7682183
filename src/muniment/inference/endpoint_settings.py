"""What an operator may set of a model endpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from muniment.foundation.secret import Secret
from muniment.inference.catalog import Endpoint


class ModelSettings(BaseModel):
    """`[models.NAME]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["openai"] = "openai"
    """Any server that speaks the OpenAI chat completions format."""
    base_url: str
    """Such as `http://127.0.0.1:11434/v1`."""
    model: str
    """The model's name at that server."""
    api_key: str = ""
    """A reference: `env:NAME` or `file:PATH`; never the key itself."""
    private_network: bool = False
    """Its name may resolve to an address inside your own network; `localhost` and literal addresses may always."""
    allowed_groups: tuple[str, ...] = ("everyone",)
    """Groups whose members may use it."""
    timeout_seconds: float = Field(60.0, gt=0, le=3600)
    """Most time that one attempt may take."""
    max_output_tokens: int = Field(800, ge=1, le=100_000)
    """Most tokens of one answer."""
    prompt_price: float = Field(0.0, ge=0, le=1e6)
    """Cost of a million tokens sent, in any one currency."""
    completion_price: float = Field(0.0, ge=0, le=1e6)
    """Cost of a million tokens received."""

    def endpoint(self, name: str, api_key: Secret | None) -> Endpoint:
        """Return the endpoint under its name, with the key that `api_key` refers to."""
        return Endpoint(
            name=name,
            kind=self.kind,
            base_url=self.base_url.rstrip("/"),
            model=self.model,
            api_key=api_key,
            allowed_groups=frozenset(
                group if group.startswith("group:") else f"group:{group}" for group in self.allowed_groups
            ),
            timeout_seconds=self.timeout_seconds,
            max_output_tokens=self.max_output_tokens,
            prompt_price=self.prompt_price,
            completion_price=self.completion_price,
        )
