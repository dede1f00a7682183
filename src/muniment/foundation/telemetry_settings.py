"""What an operator may set about telemetry."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

_HEADER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_OURS = frozenset({"host", "content-type", "content-length", "content-encoding", "transfer-encoding"})


class OtlpSettings(BaseModel):
    """`[telemetry.otlp]`: a collector that takes OpenTelemetry's OTLP over HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str
    """Such as `https://collector.example:4318`; `/v1/traces` and `/v1/metrics` are added."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Such as `authorization`; each value a reference, `env:NAME` or `file:PATH`, never the secret itself."""
    private_network: bool = False
    """Its name may lead to addresses inside your own network."""
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share of requests whose spans are sent; a trusted proxy that began the trace decides instead."""
    seconds: Annotated[float, Field(ge=1, le=300)] = 10.0
    """How often it is sent to."""

    @field_validator("endpoint")
    @classmethod
    def _address(cls, given: str) -> str:
        found = urlsplit(given)
        if found.scheme not in ("http", "https") or not found.hostname or "@" in found.netloc:
            raise ValueError("write http://HOST:PORT or https://HOST:PORT")
        if found.query or found.fragment:
            raise ValueError("an endpoint has no query")
        return given.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _names(cls, given: dict[str, str]) -> dict[str, str]:
        for name in given:
            if not _HEADER.fullmatch(name) or name in _OURS:
                raise ValueError(f"{name} cannot be set: write a header's name in lower case")
        return given


class TelemetrySettings(BaseModel):
    """`[telemetry]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics: Literal["local", "key", "off"] = "local"
    """Who reads `/metrics`: this machine and API keys with the scope `metrics`, those keys alone, or nobody."""
    log: Literal["text", "json"] = "text"
    """What the log on standard error looks like."""
    otlp: OtlpSettings | None = None
