"""What an operator may set of a model endpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from muniment.foundation.secret import Secret
from muniment.inference.catalog import Endpoint


class ModelSettings(BaseModel):
    """`[models.NAME]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["openai", "local"] = "openai"
    """Any server that speaks the OpenAI chat completions format, or a model on this machine."""
    base_url: str = Field("", validate_default=True)
    """Such as `http://127.0.0.1:11434/v1`; nothing for a local model."""
    model: str
    """The model's name at that server; of a local one, its name, or the path of its GGUF file from the home."""
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
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """Of a local model's own file; another file is refused."""
    context_tokens: int = Field(4096, ge=512, le=1_000_000)
    """Most tokens of a question, its passages and its answer together, for a local model."""
    threads: int = Field(0, ge=0, le=256)
    """Of a local model at work; `0` is one for each core, at most 8."""

    @field_validator("base_url")
    @classmethod
    def _is_stated(cls, base_url: str, info: ValidationInfo) -> str:
        if not base_url and info.data.get("kind") == "openai":
            raise ValueError("has no default for this kind")
        return base_url.rstrip("/")

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
            sha256=self.sha256,
            context_tokens=self.context_tokens,
            threads=self.threads,
        )
