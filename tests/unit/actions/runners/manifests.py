"""Manifests and calls for tests of runners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muniment.actions.manifest import Manifest
from muniment.actions.manifest_file import manifest_of
from muniment.actions.runners.call import ToolCall

ANYTHING: dict[str, Any] = {}


def manifest(
    runs: Mapping[str, object],
    properties: Mapping[str, object] | None = None,
    result: Mapping[str, object] | None = None,
    **more: Any,
) -> Manifest:
    """Return a manifest whose arguments are texts unless `properties` says so."""
    taken = properties or {}
    stated: dict[str, Any] = {
        "name": "tried",
        "says": "Does what a test asks for.",
        "effect": "write",
        "reversible": "never",
        "sensitivity": "internal",
        "allowed_groups": ["group:everyone"],
        "arguments": {"type": "object", "additionalProperties": False, "properties": dict(taken)},
        "roles": dict.fromkeys(_places(taken), "content"),
        "seen_by": "caller",
        "result": dict(result or ANYTHING),
        "seconds": 5,
        "runs": dict(runs),
    }
    return manifest_of({**stated, **more})


def _places(properties: Mapping[str, object]) -> list[str]:
    from muniment.actions.schema_places import places

    return list(places({"type": "object", "properties": dict(properties)}))


def call(made: Manifest, arguments: Mapping[str, object] | None = None, **more: Any) -> ToolCall:
    """Return a call of Alice's."""
    return ToolCall(made, arguments or {}, "user:alice", more.pop("key", "sha256:4f"), **more)
