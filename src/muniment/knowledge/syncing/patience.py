"""Asking a source again after it asked to be left alone, within bounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from muniment.knowledge.sources.connector import (
    AccessPage,
    Checked,
    Connector,
    Content,
    ContentPage,
    Item,
    People,
    Throttled,
)

T = TypeVar("T")
TRIES = 6
_FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0


class Patient:
    """Fills `Connector` by another one whose throttling it waits out; raises Throttled after the last try."""

    def __init__(
        self,
        inner: Connector,
        sleep: Callable[[float], None] | None = None,
        wait: Callable[[float], float] = lambda most: random.uniform(most / 2, most),
    ) -> None:
        """`wait` draws how long to wait of the longest wait of a try, where the source does not say."""
        self._inner = inner
        self._sleep = sleep or time.sleep
        self._wait = wait

    def check(self) -> Checked:
        return self._inner.check()

    def people(self) -> Iterable[People]:
        """Return all parts at once: one that is cut off in the middle is asked for anew from the beginning."""
        return self._again(lambda: list(self._inner.people()))

    def access(self, cursor: str) -> AccessPage:
        return self._again(lambda: self._inner.access(cursor))

    def changes(self, cursor: str) -> ContentPage:
        return self._again(lambda: self._inner.changes(cursor))

    def fetch(self, item: Item) -> Content:
        return self._again(lambda: self._inner.fetch(item))

    def close(self) -> None:
        self._inner.close()

    def _again(self, ask: Callable[[], T]) -> T:
        most = _FIRST_WAIT
        for _ in range(TRIES - 1):
            try:
                return ask()
            except Throttled as throttled:
                self._sleep(min(throttled.seconds or self._wait(most), LONGEST_WAIT))
                most *= 2
        return ask()
