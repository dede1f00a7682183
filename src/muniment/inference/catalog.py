"""The model endpoints that an operator has set up. A key is a value that never prints itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from muniment.foundation.errors import BadInput
from muniment.foundation.secret import Secret
from muniment.inference.language_models import CATALOGUE as LANGUAGE_MODELS

QUOTES = "quotes"
"""The built-in endpoint: quotes passages without a language model."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model that can be asked."""

    name: str
    kind: Literal["quotes", "openai", "local"]
    base_url: str = ""
    """Such as `https://models.example/v1`; empty for quotes."""
    model: str = ""
    api_key: Secret | None = None
    allowed_groups: frozenset[str] = frozenset({"group:everyone"})
    """Who may use it; nobody when empty."""
    timeout_seconds: float = 60.0
    max_output_tokens: int = 800
    max_attempts: int = 3
    prompt_price: float = 0.0
    """Cost of a million prompt tokens."""
    completion_price: float = 0.0
    """Cost of a million completion tokens."""
    sha256: str = ""
    """Of the file that `model` names, where it is none of those that this version knows; for local models."""
    context_tokens: int = 4096
    threads: int = 0

    @property
    def origin(self) -> str:
        """Return scheme, host and port of `base_url`."""
        found = re.match(r"https?://[^/?#]+", self.base_url)
        return found[0] if found else ""

    @property
    def version(self) -> str:
        """Return `NAME:MODEL`, as lineage records it."""
        return f"{self.name}:{self.model}" if self.model else self.name


class Catalog:
    """The endpoints by name; `quotes` is always there."""

    def __init__(self, endpoints: Iterable[Endpoint] = (), default: str = QUOTES) -> None:
        self._endpoints = {QUOTES: Endpoint(QUOTES, "quotes")}
        for endpoint in endpoints:
            _check(endpoint)
            self._endpoints[endpoint.name] = endpoint
        self.default = self.get(default).name

    def get(self, name: str | None) -> Endpoint:
        """Return an endpoint, the default for None; raises BadInput for an unknown name."""
        found = self._endpoints.get(self.default if name is None else name)
        if found is None:
            known = ", ".join(sorted(self._endpoints))
            raise BadInput(f"No model named {name!r}.", fix=f"Known: {known}.")
        return found

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, ordered by name."""
        return [self._endpoints[name] for name in sorted(self._endpoints)]

    def origins(self) -> frozenset[str]:
        """Return the origins that egress must allow."""
        return frozenset(e.origin for e in self._endpoints.values() if e.kind == "openai")


def _check(endpoint: Endpoint) -> None:
    if endpoint.kind == "openai" and not (endpoint.origin and endpoint.model):
        raise BadInput(
            f"The model {endpoint.name!r} lacks a base_url (http or https) or a model.",
            fix=f"Set both under [models.{endpoint.name}].",
        )
    if endpoint.kind == "local" and not endpoint.sha256 and endpoint.model not in LANGUAGE_MODELS:
        raise BadInput(
            f"The model {endpoint.name!r} names no language model that is known, and no file with its sha256.",
            fix=f"Known: {', '.join(sorted(LANGUAGE_MODELS))}.",
        )
    if endpoint.timeout_seconds <= 0 or endpoint.max_output_tokens <= 0 or endpoint.max_attempts < 1:
        raise BadInput(f"The limits of the model {endpoint.name!r} must be above zero.")
