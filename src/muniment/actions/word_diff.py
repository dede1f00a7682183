"""Which words of two texts are other: found by code, the same each time, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

MOST_WORDS = 600
"""Words between the first and the last that differ, beyond which all between them is marked."""
_WORDS = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d]+|\s+|[^\w\s]")
Span = tuple[int, int]


def changed_words(before: str, after: str) -> tuple[Sequence[Span], Sequence[Span]]:
    """Return the stretches that only the first text has, and those that only the second has."""
    old, new = _spans(before), _spans(after)
    words = [before[start:end] for start, end in old], [after[start:end] for start, end in new]
    head = _alike(*words)
    tail = _alike(words[0][head:][::-1], words[1][head:][::-1])
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(old), len(new)) > MOST_WORDS:
        return _joined(old), _joined(new)
    middle = words[0][head : head + len(old)], words[1][head : head + len(new)]
    gone: list[Span] = []
    come: list[Span] = []
    for kind, first, last, begin, end in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
        if kind != "equal":
            gone += _joined(old[first:last])
            come += _joined(new[begin:end])
    return gone, come


def _spans(text: str) -> list[Span]:
    return [found.span() for found in _WORDS.finditer(text)]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words both begin with."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Return one stretch over neighbouring words."""
    return [(spans[0][0], spans[-1][1])] if spans else []
