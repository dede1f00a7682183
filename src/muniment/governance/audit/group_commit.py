"""One durable commit for many waiting threads.

The first thread to arrive leads: it takes everything that waits, commits it once, and wakes the others.
Whoever arrived meanwhile is led by one of their own, so no thread works for longer than one commit.
Invariant: `submit` returns only after its item is durable, and raises in every thread whose item is not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.woken = threading.Event()
        self.leads = False
        self.results: list[Result] = []
        self.error: Exception | None = None


class GroupCommit(Generic[Item, Result]):
    """Joins concurrent submissions.

    `commit(take)` opens a transaction, calls `take` once for everything that waits by then, writes it, and
    returns one result per item, in order, once all are durable.
    """

    def __init__(self, commit: Callable[[Callable[[], Sequence[Item]]], Sequence[Result]]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._queue: list[_Waiting[Item, Result]] = []
        self._led = False

    def submit(self, item: Item) -> Result:
        """Commit `item` with whatever else waits; raises what the commit raised."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._lock:
            self._queue.append(mine)
            mine.leads = not self._led
            self._led = True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return mine.results[0]

    def _wait(self, mine: _Waiting[Item, Result]) -> None:
        try:
            mine.woken.wait()
        except BaseException:
            with self._lock:
                if mine in self._queue:
                    self._queue.remove(mine)
                    if mine.leads:
                        self._hand_over()
            raise

    def _lead(self) -> None:
        batch: list[_Waiting[Item, Result]] = []

        def take() -> list[Item]:
            with self._lock:
                batch.extend(self._queue)
                self._queue.clear()
            return [waiting.item for waiting in batch]

        try:
            for waiting, result in zip(batch, self._commit(take), strict=True):
                waiting.results.append(result)
        except BaseException as error:
            if not batch:
                take()
            for waiting in batch:
                waiting.error = (
                    error if isinstance(error, Exception) else InterruptedError("The commit was cut short.")
                )
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                self._hand_over()
            for waiting in batch:
                waiting.woken.set()

    def _hand_over(self) -> None:
        """Make the first in the queue the leader; the lock is held."""
        self._led = bool(self._queue)
        if self._queue:
            self._queue[0].leads = True
            self._queue[0].woken.set()
