"""What an API key may be good for. A route of the HTTP interface names the scope that it takes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from muniment.foundation.errors import BadInput

SCOPES: Mapping[str, str] = {
    "act": "act for people who are there, by exchanging their tokens",
    "answers": "read earlier answers of the service, and how they came about",
    "ask": "have questions answered",
    "documents": "read documents",
    "evaluations": "read runs of the suites that the service may run",
    "mcp": "use tools over MCP, each by a scope that it needs besides",
    "metrics": "read what is counted, as Prometheus does",
    "models": "list the models that the service may ask",
    "provision": "make and change users and groups, over SCIM",
    "search": "find passages",
    "tools:use": "see tools, propose actions and follow its own; what has an effect may wait for people",
    "witness": "have checkpoints of logs co-signed that the settings name",
}
"""Each scope, and what it is good for: of documents, within what the service may read."""
BY_KEY_ALONE = frozenset({"act", "metrics", "provision", "witness"})
"""Scopes of routes that open to nothing but an API key: no person has such a right by being one."""


def checked_scopes(given: Collection[str]) -> frozenset[str]:
    """Return the scopes that are given; raises BadInput for none, or for one that there is not."""
    known = f"The scopes are {', '.join(SCOPES)}."
    if not given:
        raise BadInput("A key without a scope opens nothing.", fix=known)
    for scope in sorted(given):
        if scope not in SCOPES:
            close = difflib.get_close_matches(scope, SCOPES, n=1)
            meant = f"Did you mean {close[0]}? " if close else ""
            raise BadInput(f"There is no scope '{scope}'.", fix=meant + known)
    return frozenset(given)
