"""One tiny request to an endpoint, to see that it answers; it holds nothing of the library."""

from __future__ import annotations

import json
from dataclasses import dataclass

from muniment.foundation.clock import Clock
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Request, TextDelta, Usage
from muniment.inference.providers.provider import Budget, Provider

MOST_TOKENS = 128
PROMPT = "check"
_SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """How an endpoint answered."""

    seconds: float
    usage: Usage
    keeps_form: bool
    """Whether the reply has the form that was asked for, as `structured` says that it can."""


def check(endpoint: Endpoint, provider: Provider, boundary: str, clock: Clock) -> Checked:
    """Ask once, without trying again; raises as `Provider.complete` does."""
    request = Request(
        prompt=PROMPT,
        instructions='Reply with this JSON object and nothing else: {"ready": true}',
        question="Are you ready?",
        passages=(),
        boundary=boundary,
        schema=_SCHEMA,
        labels=frozenset(),
    )
    started = clock.seconds()
    text, usage = "", Usage()
    tokens = min(MOST_TOKENS, endpoint.max_output_tokens)
    for chunk in provider.complete(request, Budget(tokens, endpoint.timeout_seconds)):
        if isinstance(chunk, TextDelta):
            text += chunk.text
        elif isinstance(chunk, Usage):
            usage = chunk
    return Checked(clock.seconds() - started, usage, _has_form(text))


def _has_form(text: str) -> bool:
    try:
        said = json.loads(text)
    except ValueError:
        return False
    return isinstance(said, dict) and set(said) == {"ready"} and isinstance(said["ready"], bool)
