"""Runs the synchronous workspace beside the event loop: bounded threads, bounded waiting, nothing left behind.

Invariants:
- at most `slots` calls run and `waiting` wait; one more is refused at once;
- a stream holds no thread between its items, and its generator is closed however the request ends.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from muniment.foundation.errors import Unavailable

T = TypeVar("T")


class _End:
    pass


_END = _End()


class Offload:
    """The threads of one server."""

    def __init__(self, slots: int = 8, waiting: int = 64, streams: int = 64) -> None:
        self._limiter = CapacityLimiter(slots)
        self._waiting = waiting
        self._streams = streams
        self._open = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; raises Unavailable when too many wait already."""
        if self._limiter.statistics().tasks_waiting >= self._waiting:
            raise _busy()
        return await to_thread.run_sync(work, limiter=self._limiter)

    async def stream(self, generator: Generator[T]) -> AsyncGenerator[T]:
        """Yield the items of a synchronous generator, and close it at the end, early or not."""
        if self._open >= self._streams:
            raise _busy()
        self._open += 1
        step: Callable[[], T | _End] = partial(next, generator, _END)
        try:
            while not isinstance(item := await self.run(step), _End):
                yield item
        finally:
            self._open -= 1
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(generator.close, limiter=CapacityLimiter(1))


def _busy() -> Unavailable:
    return Unavailable("Too many requests are being worked on.", fix="Try again in a moment.")
