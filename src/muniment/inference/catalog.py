"""The model endpoints that an operator has set up. A key is a value that never prints itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from muniment.foundation.errors import BadInput, NotSetUp
from muniment.foundation.secret import MissingSecret, Secret
from muniment.governance.identity.clearance import LEVELS, clears
from muniment.governance.privacy.handling import ALLOWED, PROMPTS, Handling
from muniment.inference.language_models import CATALOGUE as LANGUAGE_MODELS

QUOTES = "quotes"
"""The built-in endpoint: quotes passages without a language model."""
Kind = Literal["quotes", "openai", "azure", "anthropic", "bedrock", "local"]
REMOTE: frozenset[Kind] = frozenset({"openai", "azure", "anthropic", "bedrock"})
"""What is reached over the network."""
Hosting = Literal["hosted", "self-managed"]
ANY = "any"
"""The ceiling of what may be sent anything, without a label too."""
Ceiling = Literal["public", "internal", "confidential", "restricted", "any"]
Structured = Literal["schema", "json", "none"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model that can be asked."""

    name: str
    kind: Kind
    base_url: str = ""
    """Such as `https://models.example/v1`; empty for what runs in this process."""
    model: str = ""
    api_key: Secret | None = None
    allowed_groups: frozenset[str] = frozenset({"group:everyone"})
    """Who may use it; nobody when empty."""
    timeout_seconds: float = 60.0
    max_output_tokens: int = 800
    context_tokens: int = 0
    """Most tokens of a request and its reply together; 0 where that is not known."""
    max_attempts: int = 3
    temperature: float | None = 0.0
    """How freely it writes; None leaves that to the server."""
    max_concurrent: int = 32
    """Requests at one time, of one process."""
    prompt_price: float = 0.0
    """Cost of a million prompt tokens."""
    completion_price: float = 0.0
    """Cost of a million completion tokens."""
    hosting: Hosting = "hosted"
    """Whether others run it, or its operator does."""
    max_sensitivity: Ceiling = "internal"
    """The most sensitive that it may be sent."""
    fallbacks: tuple[str, ...] = ()
    """Which are asked instead, in this order, where it does not answer."""
    structured: Structured = "schema"
    """How it can be held to the schema of a reply: by the schema, to JSON of any shape, or not at all."""
    region: str = ""
    """Where it runs, as its service names regions."""
    api_version: str = ""
    auth: Literal["key", "entra"] = "key"
    guardrail: str = ""
    guardrail_version: str = ""
    renewed_key: Callable[[], Secret | None] | None = None
    """Reads the key anew, where it is a token that runs out, or was missing."""
    key_reference: str = ""
    """Where the key is read: `env:NAME` or `file:PATH`."""
    sha256: str = ""
    """Of the file that `model` names, where it is none of those that this version knows; for local models."""
    threads: int = 0
    """Of a local model at work; 0 is one for each core, at most 8."""
    sensitive: Handling = PROMPTS
    """What is done about sensitive values on the way to it."""

    def takes(self, label: str | None) -> bool:
        """Return whether it may be sent what has this label; a missing or unknown one is above every ceiling."""
        if self.max_sensitivity == ANY:
            return True
        return self.max_sensitivity in LEVELS and clears(self.max_sensitivity, label)

    def limit_reached(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return the limit, in tokens, at which a reply ended; 0 where it ended before any."""
        if completion_tokens >= self.max_output_tokens:
            return self.max_output_tokens
        return self.context_tokens if prompt_tokens + completion_tokens >= self.context_tokens else 0

    @property
    def weights_sha256(self) -> str:
        """Return the digest of the weights that a local model runs on; empty for what runs elsewhere."""
        if self.kind != "local":
            return ""
        known = LANGUAGE_MODELS.get(self.model)
        return self.sha256 or (known.sha256 if known else "")

    def key(self) -> Secret | None:
        """Return the key as it is now; raises NotSetUp where it is missing."""
        if self.renewed_key is None:
            return self.api_key
        try:
            return self.renewed_key()
        except MissingSecret as error:
            raise NotSetUp(error.public, fix=error.fix) from error

    @property
    def missing_key(self) -> str:
        """Return the reference to its key where that leads nowhere now, else nothing."""
        try:
            self.key()
        except NotSetUp:
            return self.key_reference
        return ""

    @property
    def origin(self) -> str:
        """Return scheme, host and port of `base_url`."""
        found = re.match(r"https?://[^/?#]+", self.base_url)
        return found[0] if found else ""

    @property
    def version(self) -> str:
        """Return `NAME:MODEL`, as lineage records it."""
        return f"{self.name}:{self.model}" if self.model else self.name


_QUOTES = Endpoint(QUOTES, "quotes", hosting="self-managed", max_sensitivity=ANY, sensitive=ALLOWED)


class Catalog:
    """The endpoints by name; `quotes` is always there."""

    def __init__(self, endpoints: Iterable[Endpoint] = (), default: str = QUOTES) -> None:
        self._endpoints = {QUOTES: _QUOTES}
        for endpoint in endpoints:
            _check(endpoint)
            self._endpoints[endpoint.name] = endpoint
        problem = fallback_problem({one.name: one.fallbacks for one in self._endpoints.values()})
        if problem:
            raise BadInput(
                f"The models cannot stand in for one another so: {problem}.", fix="Mend fallbacks."
            )
        self.default = self.get(default).name

    def get(self, name: str | None) -> Endpoint:
        """Return an endpoint, the default for None; raises BadInput for an unknown name."""
        found = self._endpoints.get(self.default if name is None else name)
        if found is None:
            known = ", ".join(sorted(self._endpoints))
            raise BadInput(f"No model named {name!r}.", fix=f"Known: {known}.")
        return found

    def keyed(self, name: str | None) -> Endpoint:
        """Return an endpoint as `get` does; raises BadInput for one whose key is missing too."""
        found = self.get(name)
        if missing := found.missing_key:
            raise BadInput(
                f"The key of the model {found.name!r} is not set ({missing}).",
                fix="Set it, or change api_key in the settings.",
            )
        return found

    def after(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """Yield what is asked where an endpoint does not answer: its fallbacks, each before those of its own."""
        found = {endpoint.name}
        ahead = [*endpoint.fallbacks]
        while ahead:
            one = self._endpoints[ahead.pop(0)]
            if one.name not in found:
                found.add(one.name)
                ahead[:0] = one.fallbacks
                yield one

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, ordered by name."""
        return [self._endpoints[name] for name in sorted(self._endpoints)]

    def origins(self) -> frozenset[str]:
        """Return the origins that egress must allow."""
        return frozenset(e.origin for e in self._endpoints.values() if e.origin)


def fallback_problem(fallbacks: Mapping[str, Sequence[str]]) -> str:
    """Return what is wrong with who stands in for whom: an unknown name or a circle; empty where nothing is."""
    for name, others in fallbacks.items():
        for other in others:
            if other not in fallbacks and other != QUOTES:
                return f"{name} names {other}, which there is not"
    sound = {QUOTES}

    def circle(name: str, above: tuple[str, ...]) -> str:
        if name in above:
            return " to ".join((*above[above.index(name) :], name))
        if name not in sound:
            for other in fallbacks.get(name, ()):
                if found := circle(other, (*above, name)):
                    return found
            sound.add(name)
        return ""

    found = next((found for name in fallbacks if (found := circle(name, ()))), "")
    return f"a circle from {found}" if found else ""


def _check(endpoint: Endpoint) -> None:
    if endpoint.kind in REMOTE and not (endpoint.origin and endpoint.model):
        raise BadInput(
            f"The model {endpoint.name!r} lacks a base_url (http or https) or a model.",
            fix=f"Set both under [models.{endpoint.name}].",
        )
    if endpoint.kind == "local" and not endpoint.sha256 and endpoint.model not in LANGUAGE_MODELS:
        raise BadInput(
            f"The model {endpoint.name!r} names no language model that is known, and no file with its sha256.",
            fix=f"Known: {', '.join(sorted(LANGUAGE_MODELS))}.",
        )
    if (
        endpoint.timeout_seconds <= 0
        or min(endpoint.max_output_tokens, endpoint.max_attempts, endpoint.max_concurrent) < 1
    ):
        raise BadInput(f"The limits of the model {endpoint.name!r} must be above zero.")
