"""Paths of items whose names at the source are any text: names that a file could have, joined by `/`.

Paths may meet, for ids tell items apart.
"""

from __future__ import annotations

import hashlib
import re

_MOST_NAME_BYTES, _KEPT_BYTES, _MOST_ENDING = 200, 150, 16
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def path_of(name: str) -> str:
    """Return where something lies, for people; slashes in `name` part names, one at its end does not."""
    return "/".join(_tidied(part) for part in name.removesuffix("/").split("/"))


def _tidied(part: str) -> str:
    if part in ("", ".", ".."):
        return "_" * max(1, len(part))
    name = _CONTROL.sub(_escaped, part)
    if len(name.encode()) <= _MOST_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > _MOST_ENDING:
        stem, dot, ending = name, "", ""
    kept = stem.encode()[:_KEPT_BYTES].decode("utf-8", "ignore")
    return f"{kept}~{hashlib.sha256(part.encode()).hexdigest()[:12]}{dot}{ending}"


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
