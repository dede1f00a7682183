"""The JSON object in a model's reply, whatever stands around it."""

from __future__ import annotations

import json
from typing import Any, cast


def reply_object(text: str, longest: int) -> dict[str, Any] | None:
    """Return the first object of a reply; None where it holds none, or more than `longest` characters."""
    at = text.find("{")
    if at < 0 or len(text) > longest:
        return None
    try:
        made, _ = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", made) if isinstance(made, dict) else None
