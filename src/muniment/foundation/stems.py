"""English words to their stems, on any number of threads."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Protocol


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...


class _Own(threading.local):
    """A stemmer for each thread: it works on a word inside itself, so two threads would spoil each other's."""

    def __init__(self) -> None:
        import snowballstemmer

        self.stemmer: _Stemmer = snowballstemmer.stemmer("english")


@lru_cache(maxsize=1)
def _own() -> _Own:
    return _Own()


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Return the stem of an English word in lower case."""
    return _own().stemmer.stemWord(word)
