"""A labeller's child that knows a few names by heart, and does on request what a hostile one might.

`Ann Heron` and `Bo` are persons, `Tarnow` is a place. A text that holds one of the words below makes it fail.
"""

from __future__ import annotations

import _socket
import json
import os
import re
import time
from collections.abc import Callable, Sequence

NAMES = {"Ann Heron": "person", "Bo": "person", "Tarnow": "place"}
_KNOWN = re.compile("|".join(rf"\b{name}\b" for name in NAMES))


def warm_up() -> None:
    """Everything needed is imported above."""


def handle(parts: Sequence[bytes]) -> bytes:
    """Answer as the labeller's child does, or as the first word of mischief says."""
    texts: list[str] = json.loads(parts[0])
    for word, mischief in _MISCHIEF.items():
        if any(word in text for text in texts):
            return mischief(texts)
    return json.dumps([_names(text) for text in texts]).encode()


def _names(text: str) -> list[list[object]]:
    return [[NAMES[found[0]], found.start(), found.end()] for found in _KNOWN.finditer(text)]


def _crash(texts: Sequence[str]) -> bytes:
    os._exit(1)


def _hang(texts: Sequence[str]) -> bytes:
    time.sleep(60)
    return b"[]"


def _call_home(texts: Sequence[str]) -> bytes:
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    socket.connect(("127.0.0.1", 9))
    return b"[]"


def _said(answer: str) -> Callable[[Sequence[str]], bytes]:
    return lambda texts: answer.encode()


def _each(names: str) -> Callable[[Sequence[str]], bytes]:
    return lambda texts: f"[{','.join([names] * len(texts))}]".encode()


_MISCHIEF: dict[str, Callable[[Sequence[str]], bytes]] = {
    "CRASH": _crash,
    "HANG": _hang,
    "CALL HOME": _call_home,
    "NOT JSON": _said("names"),
    "AN OBJECT": _said('{"names": []}'),
    "TOO FEW": _said("[]"),
    "DEEP": _said("[" * 100_000),
    "NO LIST": _each("7"),
    "UNKNOWN KIND": _each('[["card", 0, 1]]'),
    "NO KIND": _each("[[null, 0, 1]]"),
    "OUTSIDE": _each('[["person", 0, 1000000]]'),
    "BEFORE": _each('[["person", -1, 1]]'),
    "BACKWARDS": _each('[["person", 2, 1]]'),
    "EMPTY": _each('[["person", 1, 1]]'),
    "TRUTH": _each('[["person", false, true]]'),
    "FRACTION": _each('[["person", 0, 1.5]]'),
    "OVERLAP": _each('[["person", 0, 3], ["place", 2, 4]]'),
    "LONGER": _each('[["person", 0, 1, "more"]]'),
}
MISCHIEF = tuple(_MISCHIEF)
