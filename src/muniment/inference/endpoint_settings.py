"""What an operator may set of a model endpoint, and which combinations make no sense."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from muniment.foundation.addresses import literal, reach
from muniment.foundation.secret import MissingSecret, Secret
from muniment.governance.privacy.handling import Handling
from muniment.governance.privacy.sensitive_settings import EndpointSettings
from muniment.inference.catalog import Ceiling, Endpoint, Hosting, Structured
from muniment.inference.language_models import LOCAL_CONTEXT

_KNOWN_ADDRESSES = {
    "anthropic": "https://api.anthropic.com",
    "bedrock": "https://bedrock-runtime.{region}.amazonaws.com",
}


class ModelSettings(BaseModel):
    """`[models.NAME]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["openai", "azure", "anthropic", "bedrock", "local"] = "openai"
    """The wire format: `openai` is any server that speaks OpenAI's chat completions; `local` runs on this machine."""
    base_url: str = Field("", validate_default=True)
    """Such as `http://127.0.0.1:11434/v1`; empty for `anthropic` and `bedrock`: the public address."""
    model: str = Field(min_length=1)
    """The model's name at that server; for `azure`, the deployment's; for `local`, its own or its GGUF file."""
    api_key: str = ""
    """A reference: `env:NAME` or `file:PATH`; never the key itself."""
    auth: Literal["key", "entra"] = "key"
    """For `azure`: `entra` takes `api_key` for a token of Entra ID, and reads it again at each call."""
    api_version: str = Field("", pattern=r"^[A-Za-z0-9.-]*$")
    """For `azure`, such as `2024-10-21`."""
    region: str = Field("", pattern=r"^[A-Za-z0-9-]*$")
    """Where it runs, such as `eu-west-1`; `bedrock` needs it."""
    guardrail: str = Field("", pattern=r"^[A-Za-z0-9:/_-]*$")
    """For `bedrock`: id or ARN of the guardrail that every request passes."""
    guardrail_version: str = Field("", pattern=r"^([0-9]{1,8}|DRAFT)?$")
    """Of that guardrail: a number, or `DRAFT`."""
    private_network: bool = False
    """Its name may resolve to an address inside your own network; `localhost` and literal addresses may always."""
    allowed_groups: tuple[str, ...] = ("everyone",)
    """Groups whose members may use it."""
    hosting: Literal["", "hosted", "self-managed"] = ""
    """Who runs it; empty: you do where its address is this machine or a literal inside one, else others do."""
    max_sensitivity: Literal["", Ceiling] = ""
    """The most sensitive passages that it may be sent; empty: `any` where you run it, else `internal`."""
    fallbacks: tuple[str, ...] = ()
    """Models that are asked instead, in this order, where this one does not answer; `quotes` may be one."""
    structured: Structured = "schema"
    """How it can be held to the form of a reply: by its schema, to any JSON (`openai` and `azure`), or not at all."""
    temperature: Literal["default"] | Annotated[float, Field(ge=0, le=2)] = 0.0
    """How freely it writes; `default` states nothing, for models that refuse to be told."""
    timeout_seconds: float = Field(60.0, gt=0, le=3600)
    """Most time that one attempt may take."""
    max_output_tokens: int = Field(800, ge=1, le=100_000)
    """Most tokens of one answer."""
    context_tokens: int = Field(0, ge=0, le=100_000_000)
    """Most tokens of a request and its reply together: passages beyond it are left out; 0: it is not known."""
    max_concurrent: int = Field(32, ge=1, le=10_000)
    """Requests that one server process has there at one time; further ones wait for up to `timeout_seconds`."""
    prompt_price: float = Field(0.0, ge=0, le=1e6)
    """Cost of a million tokens sent, in any one currency."""
    completion_price: float = Field(0.0, ge=0, le=1e6)
    """Cost of a million tokens received."""
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """Of a local model's own file; another file is refused."""
    threads: int = Field(0, ge=0, le=256)
    """Of a local model at work; `0` is one for each core, at most 8."""
    sensitive: EndpointSettings = EndpointSettings()
    """What is done about sensitive values on the way to it, instead of `sensitive.prompts`."""

    @field_validator("base_url")
    @classmethod
    def _is_stated(cls, base_url: str, info: ValidationInfo) -> str:
        if not base_url and info.data.get("kind") in ("openai", "azure"):
            raise ValueError("has no default for this kind")
        return base_url.rstrip("/")

    @model_validator(mode="after")
    def _makes_sense(self) -> ModelSettings:
        needed = {"azure": ("api_version",), "bedrock": ("region",)}
        for name in needed.get(self.kind, ()):
            if not getattr(self, name):
                raise ValueError(f"{name} is not set, and {self.kind} needs it")
        own = {
            "azure": ("auth", "api_version"),
            "bedrock": ("guardrail", "guardrail_version"),
            "local": ("sha256", "threads"),
        }
        for kind, names in own.items():
            for name in names:
                if kind != self.kind and getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is for {kind} only")
        if self.context_tokens and self.context_tokens <= self.max_output_tokens:
            raise ValueError("context_tokens leaves no room beside max_output_tokens")
        if bool(self.guardrail) != bool(self.guardrail_version):
            raise ValueError("guardrail and guardrail_version belong together")
        if self.structured == "json" and self.kind not in ("openai", "azure"):
            raise ValueError(f"structured: {self.kind} has no JSON without a schema")
        return self

    @property
    def address(self) -> str:
        """Return the address of the server; empty where there is none."""
        return self.base_url or _KNOWN_ADDRESSES.get(self.kind, "").format(region=self.region)

    @property
    def run_by(self) -> Hosting:
        """Return who runs it: of an address that is a name, nothing else is believed than what was stated."""
        if self.hosting:
            return self.hosting
        if self.kind == "local":
            return "self-managed"
        found = re.match(r"https?://(\[[^\]]*\]|[^/?#:@]+)(:[0-9]+)?(?=[/?#]|$)", self.address)
        host = found[1].strip("[]") if found else ""
        address = literal(host)
        inside = host == "localhost" or (address is not None and reach(address) == "inside")
        return "self-managed" if inside and self.kind == "openai" else "hosted"

    @property
    def ceiling(self) -> Ceiling:
        """Return the most sensitive that it may be sent."""
        return self.max_sensitivity or ("any" if self.run_by == "self-managed" else "internal")

    def endpoint(self, name: str, read_key: Callable[[], Secret | None], sensitive: Handling) -> Endpoint:
        """Return the endpoint under its name; `read_key` gives the key that `api_key` refers to.

        Where that is missing, it is looked for again whenever it is needed. `sensitive` is what is done about
        sensitive values on the way to it.
        """
        key, missing = None, False
        try:
            key = read_key()
        except MissingSecret:
            missing = True
        return Endpoint(
            name=name,
            kind=self.kind,
            base_url=self.address,
            model=self.model,
            api_key=key,
            key_reference=self.api_key,
            allowed_groups=frozenset(
                group if group.startswith("group:") else f"group:{group}" for group in self.allowed_groups
            ),
            timeout_seconds=self.timeout_seconds,
            max_output_tokens=self.max_output_tokens,
            context_tokens=self.context_tokens or (LOCAL_CONTEXT if self.kind == "local" else 0),
            temperature=None if self.temperature == "default" else self.temperature,
            max_concurrent=self.max_concurrent,
            prompt_price=self.prompt_price,
            completion_price=self.completion_price,
            hosting=self.run_by,
            max_sensitivity=self.ceiling,
            fallbacks=self.fallbacks,
            sha256=self.sha256,
            threads=self.threads,
            sensitive=sensitive,
            structured=self.structured,
            region=self.region,
            api_version=self.api_version,
            auth=self.auth,
            guardrail=self.guardrail,
            guardrail_version=self.guardrail_version,
            renewed_key=read_key if missing or self.auth == "entra" else None,
        )
