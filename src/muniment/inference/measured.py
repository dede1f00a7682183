"""What is counted and traced of models, in the words that OpenTelemetry has for generative AI.

Nothing of what is said is; an endpoint is named as the settings name it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from muniment.foundation.telemetry.instruments import Counter, Gauge, Histogram
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.tracing import STAGE_SECONDS, Attribute, Value, current
from muniment.inference.catalog import Endpoint, Kind

_PROVIDERS: dict[Kind, str] = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "bedrock": "aws.bedrock",
    "local": "muniment.local",
}
_OPERATION = Label("gen_ai.operation.name", "chat")
_PROVIDER = Label("gen_ai.provider.name", *_PROVIDERS.values())
_MODEL = Label("gen_ai.request.model")
_TOKEN_TYPE = Label("gen_ai.token.type", "input", "output")
_ENDPOINT = Label("muniment.endpoint")
_OUTCOME = Label("muniment.outcome", "complete", "stopped", "failed")
_SECONDS = Histogram(
    "gen_ai.client.operation.duration",
    "How long calls of language models take.",
    _OPERATION,
    _PROVIDER,
    _MODEL,
    unit="s",
    bounds=(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
_TOKENS = Histogram(
    "gen_ai.client.token.usage",
    "Tokens of calls of language models.",
    _OPERATION,
    _PROVIDER,
    _MODEL,
    _TOKEN_TYPE,
    unit="{token}",
    bounds=(1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576),
)
_CALLS = Counter("muniment.model.calls", "Calls of endpoints, by how they ended.", _ENDPOINT, _OUTCOME)
_COST = Counter(
    "muniment.model.cost", "What calls of endpoints cost, in the currency of their prices.", _ENDPOINT
)
_OPEN = Gauge(
    "muniment.model.breaker.open",
    "Processes that leave an endpoint alone, since it kept failing.",
    _ENDPOINT,
)
_SAID = {label: Attribute(label.name, label) for label in (_OPERATION, _PROVIDER, _MODEL, _ENDPOINT)}
_INPUT, _OUTPUT = Attribute("gen_ai.usage.input_tokens"), Attribute("gen_ai.usage.output_tokens")


def admit(endpoints: Iterable[Endpoint]) -> None:
    """Let these endpoints be named."""
    for one in endpoints:
        _ENDPOINT.admit([one.name])
        _MODEL.admit([one.model])


def left_alone(endpoint: Endpoint, alone: bool) -> None:
    """Say whether this process leaves an endpoint alone."""
    _OPEN.set(float(alone), endpoint.name)


def called(
    endpoint: Endpoint, began: int, input_tokens: int, output_tokens: int, cost: float, outcome: str
) -> None:
    """Count a call that began at a `perf_counter_ns`."""
    seconds = (time.perf_counter_ns() - began) / 1e9
    STAGE_SECONDS.observe(seconds, "model_call")
    error = "" if outcome in ("complete", "stopped") else outcome
    _CALLS.add(1, endpoint.name, "failed" if error else outcome)
    provider = _PROVIDERS.get(endpoint.kind)
    said: dict[Label, str] = {_ENDPOINT: endpoint.name}
    if provider is not None:
        said |= {_OPERATION: "chat", _PROVIDER: provider, _MODEL: endpoint.model}
        _SECONDS.observe(seconds, "chat", provider, endpoint.model)
        _TOKENS.observe(input_tokens, "chat", provider, endpoint.model, "input")
        _TOKENS.observe(output_tokens, "chat", provider, endpoint.model, "output")
        _COST.add(cost, endpoint.name)
    trace = current()
    if trace is None or not trace.sampled:
        return
    attributes: dict[str, Value] = {label.name: _SAID[label].said(value) for label, value in said.items()}
    if provider is not None:
        attributes |= {_INPUT.name: input_tokens, _OUTPUT.name: output_tokens}
    name = f"chat {_MODEL.said(endpoint.model)}" if provider else "model_call"
    trace.keep(name, "client" if provider else "internal", began, attributes, error)
