"""What lineage records of the settings in force and of the endpoint that answered: names, and digests of values.

A value is recorded as a keyed digest, so that a change of it shows and nobody can guess it: what an operator set is
not for everybody who asks a question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from muniment.governance.audit.entry import Json
from muniment.governance.audit.serving import differing
from muniment.inference.catalog import QUOTES, Endpoint

SECTIONS = ("retrieval", "answers", "sensitive")
"""Those whose settings take part in answers."""
ELSEWHERE = frozenset({"answers.model"})
"""What lineage states by itself."""
OF_A_MODEL = ("base_url", "sensitive", "guardrail")
"""What is recorded of the settings of an endpoint beside its parameters."""

Commit = Callable[[str], str]
"""Gives the keyed digest of a text."""


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """Settings that are not as shipped, by name, each with the digest of its value."""

    of: Mapping[str, str]

    def about(self, endpoint: Endpoint) -> dict[str, Json]:
        """Return those that took part in an answer of this endpoint."""
        mine = f"models.{endpoint.name}."
        return {
            name: one
            for name, one in self.of.items()
            if not name.startswith("models.") or name.startswith(mine)
        }


NONE = RecordedSettings({})


def recorded_settings(
    effective: Mapping[str, object], shipped: Mapping[str, object], commit: Commit
) -> RecordedSettings:
    """Return what differs from the settings as shipped, of those that take part in answers."""
    before = {section: shipped.get(section) for section in SECTIONS}
    now = {section: effective.get(section) for section in SECTIONS}
    models = cast("Mapping[str, Mapping[str, object]]", effective.get("models") or {})
    now["models"] = {name: {key: one.get(key) for key in OF_A_MODEL} for name, one in models.items()}
    found = differing(now, before, commit)
    return RecordedSettings({name: one for name, one in found.items() if name not in ELSEWHERE})


def endpoint_recorded(endpoint: Endpoint) -> dict[str, Json]:
    """Return name, model and parameters of an endpoint; nothing of where it lies, nor any key."""
    stated: dict[str, Json] = {"name": endpoint.name, "kind": endpoint.kind, "model": endpoint.model}
    if endpoint.kind == QUOTES:
        return {**stated, "parameters": {}}
    parameters: dict[str, Json] = {
        "temperature": endpoint.temperature,
        "max_output_tokens": endpoint.max_output_tokens,
        "context_tokens": endpoint.context_tokens,
        "structured": endpoint.structured,
        "timeout_seconds": endpoint.timeout_seconds,
        "max_attempts": endpoint.max_attempts,
        "max_sensitivity": endpoint.max_sensitivity,
        "hosting": endpoint.hosting,
    }
    if endpoint.kind == "local":
        parameters["threads"] = endpoint.threads
    for name in ("region", "api_version", "guardrail_version"):
        if value := getattr(endpoint, name):
            parameters[name] = value
    return {**stated, "parameters": parameters}
