"""Models in memory, by digest: loaded once, whoever asks, and shared by all that are given the same object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Loaded(Generic[T]):
    """The models of one kind; safe to share between threads and workspaces."""

    def __init__(self) -> None:
        self._held: dict[str, T] = {}
        self._loading = threading.Lock()

    def get(self, digest: str, load: Callable[[], T]) -> T:
        """Return the model of a digest, loading it at first; raises what `load` raises, and then holds nothing."""
        with self._loading:
            found = self._held.get(digest)
            if found is None:
                found = self._held[digest] = load()
            return found
