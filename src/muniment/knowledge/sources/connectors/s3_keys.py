"""Keys of objects as ids: a key is any text. An id leads back to its key alone."""

from __future__ import annotations

import re
from urllib.parse import unquote

MOST_ID_BYTES = 2000
_IN_ID = re.compile(r"[\x00-\x1f\x7f%]")


def id_of(key: str) -> str:
    """Return the id of an object: its key, with `%` and what no database holds escaped."""
    return _IN_ID.sub(_escaped, key)


def key_of(name: str) -> str:
    """Return the key that an id stands for."""
    return unquote(name, errors="strict")


def is_addressable(key: str) -> bool:
    """Return whether a request for a key can mean no other one: `.` and `..` are lost on the way."""
    return {".", ".."}.isdisjoint(key.split("/"))


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
