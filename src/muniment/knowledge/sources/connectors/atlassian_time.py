"""Moments as Atlassian's products spell them."""

from __future__ import annotations

from datetime import UTC, datetime

from muniment.foundation.clock import timestamp


def rfc3339(stated: str) -> str:
    """Return a moment in UTC, empty where none is told that can be read."""
    try:
        found = datetime.fromisoformat(stated)
    except ValueError:
        return ""
    return timestamp(found.astimezone(UTC)) if found.tzinfo else ""
