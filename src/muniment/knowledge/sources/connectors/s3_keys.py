"""Keys of objects as ids and paths: a key is any text, a path is names that a file could have.

Invariant: an id leads back to its key alone; paths may meet, for ids tell them apart.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote

MOST_ID_BYTES = 2000
_MOST_NAME_BYTES, _KEPT_BYTES, _MOST_ENDING = 200, 150, 16
_IN_ID = re.compile(r"[\x00-\x1f\x7f%]")
_IN_NAME = re.compile(r"[\x00-\x1f\x7f]")


def id_of(key: str) -> str:
    """Return the id of an object: its key, with `%` and what no database holds escaped."""
    return _IN_ID.sub(_escaped, key)


def key_of(name: str) -> str:
    """Return the key that an id stands for."""
    return unquote(name, errors="strict")


def path_of(key: str) -> str:
    """Return where an object lies, for people."""
    return "/".join(_name(part) for part in key.removesuffix("/").split("/"))


def is_addressable(key: str) -> bool:
    """Return whether a request for a key can mean no other one: `.` and `..` are lost on the way."""
    return {".", ".."}.isdisjoint(key.split("/"))


def _name(part: str) -> str:
    if part in ("", ".", ".."):
        return "_" * max(1, len(part))
    name = _IN_NAME.sub(_escaped, part)
    if len(name.encode()) <= _MOST_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > _MOST_ENDING:
        stem, ending = name, ""
    kept = stem.encode()[:_KEPT_BYTES].decode("utf-8", "ignore")
    return f"{kept}~{hashlib.sha256(part.encode()).hexdigest()[:12]}{'.' if ending else ''}{ending}"


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
