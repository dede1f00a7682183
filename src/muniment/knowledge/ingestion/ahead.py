"""Doing one step of the work ahead of the next, on a thread of its own, in bounded memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_MOST = 64
_PIECE = 1 << 18


class _Waiting(queue.Queue["T | BaseException | None"], Generic[T]):
    """What waits to be taken; what holds bytes counts by their number, so that memory stays bounded."""

    def __init__(self, size: Callable[[T], int]) -> None:
        self._bytes = size
        super().__init__(_MOST)

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._weight = 0

    def _qsize(self) -> int:
        return self._weight

    def _put(self, item: T | BaseException | None) -> None:
        super()._put(item)
        self._weight += self._weigh(item)

    def _get(self) -> T | BaseException | None:
        item = super()._get()
        self._weight -= self._weigh(item)
        return item

    def _weigh(self, item: T | BaseException | None) -> int:
        if item is None or isinstance(item, BaseException):
            return 1
        return 1 + self._bytes(item) // _PIECE


def ahead(produce: Callable[[], Iterator[T]], size: Callable[[T], int]) -> Iterator[T]:
    """Yield what `produce` yields, made a step ahead on a thread; raises what it raises.

    `size` gives the bytes that one of them holds.
    """
    results: _Waiting[T] = _Waiting(size)
    stopped = threading.Event()

    def put(value: T | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                results.put(value, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for one in produce():
                if not put(one):
                    return
            put(None)
        except BaseException as error:
            put(error)

    worker = threading.Thread(target=work, name="ahead", daemon=True)
    worker.start()
    try:
        while (value := results.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value
    finally:
        stopped.set()
        worker.join()
