"""Runs the synchronous workspace beside the event loop: bounded threads, bounded waiting, nothing left behind.

Invariants:
- at most `slots` calls run and `waiting` wait; callers take turns, so that one who asks for much waits for itself;
- no caller has every slot: another one's next call starts at once, unless slots are full of several;
- a stream holds no thread between its items, and its generator is closed however the request ends;
- of several parts of one, each takes turns with the others as callers do within a part.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from muniment.foundation.errors import TooMany
from muniment.foundation.in_hand import Held, InHand
from muniment.interfaces.limits import Share

T = TypeVar("T")
RETRY_SECONDS = 2.0
_NO_LIMIT = 1 << 30
_ANYBODY = Share("", _NO_LIMIT)


class _End:
    pass


_END = _End()


@dataclass(slots=True)
class _Waiter:
    turn: anyio.Event = field(default_factory=anyio.Event)
    given_up: bool = False


class Offload:
    """The threads of one server."""

    def __init__(
        self, slots: int = 8, waiting: int = 64, streams: int = 64, in_hand: InHand | None = None
    ) -> None:
        """`in_hand` counts what each caller has in hand, where that is not in this process alone."""
        self._threads = CapacityLimiter(slots)
        self._slots = slots
        self._free = slots
        self._whole: tuple[Offload, Share] | None = None
        self._most_of_one = max(1, slots - 1)
        self._waiting = waiting
        self._streams = streams
        self._open = 0
        self._in_all = in_hand or Held()
        self._running: Counter[str] = Counter()
        self._queues: dict[str, deque[_Waiter]] = {}
        """Whoever has waiters, in the order of turns."""

    def part(self, name: str, waiting: int = 64, in_hand: InHand | None = None) -> Offload:
        """Return threads of a tenant, which are threads of these: whoever waits there waits for a turn here too."""
        made = Offload(self._slots, waiting, self._streams, in_hand)
        made._whole = (self, Share(name, _NO_LIMIT, "tenant"))
        return made

    def load(self) -> tuple[int, int]:
        """Return how many calls run here, and how many wait for a turn."""
        return sum(self._running.values()), sum(map(len, self._queues.values()))

    async def run(self, work: Callable[[], T], share: Share = _ANYBODY) -> T:
        """Return what `work` returns; raises TooMany when the caller, or all together, have too much in hand."""
        with self._in_hand(share):
            return await self._run(work, share)

    async def stream(self, generator: Generator[T], share: Share = _ANYBODY) -> AsyncGenerator[T]:
        """Yield the items of a synchronous generator, and close it at the end, early or not."""
        if self._open >= self._streams:
            raise _full()
        step: Callable[[], T | _End] = partial(next, generator, _END)
        with self._in_hand(share):
            self._open += 1
            try:
                while not isinstance(item := await self._run(step, share), _End):
                    yield item
            finally:
                self._open -= 1
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(generator.close, limiter=CapacityLimiter(1))

    @contextmanager
    def _in_hand(self, share: Share) -> Generator[None]:
        if not self._in_all.take(share.who, share.most):
            raise TooMany(
                f"{share.kind}-concurrent", f"More than {share.most} requests at one time.", RETRY_SECONDS
            )
        try:
            yield
        finally:
            self._in_all.give_back(share.who)

    async def _run(self, work: Callable[[], T], share: Share) -> T:
        async with self._slot(share.who):
            if self._whole is not None:
                whole, tenant = self._whole
                return await whole.run(work, tenant)
            return await to_thread.run_sync(work, limiter=self._threads)

    @asynccontextmanager
    async def _slot(self, who: str) -> AsyncGenerator[None]:
        waiter = _Waiter()
        if self._free and self._running[who] < self._most_of_one and not self._queues.get(who):
            self._start(who)
        else:
            self._queue(who, waiter)
            await self._turn(who, waiter)
        try:
            yield
        finally:
            self._end(who)

    def _queue(self, who: str, waiter: _Waiter) -> None:
        if sum(map(len, self._queues.values())) >= self._waiting:
            longest = max(self._queues, key=lambda one: len(self._queues[one]), default=who)
            if len(self._queues.get(longest, ())) <= len(self._queues.get(who, ())) + 1:
                raise _full()
            # Who waits with most makes room for who waits with least.
            last = self._queues[longest].pop()
            last.given_up = True
            last.turn.set()
        self._queues.setdefault(who, deque()).append(waiter)

    async def _turn(self, who: str, waiter: _Waiter) -> None:
        try:
            await waiter.turn.wait()
        except BaseException:
            if not waiter.turn.is_set():
                self._leave(who, waiter)
            elif not waiter.given_up:
                self._end(who)
            raise
        if waiter.given_up:
            raise _full()

    def _leave(self, who: str, waiter: _Waiter) -> None:
        self._queues[who].remove(waiter)
        if not self._queues[who]:
            del self._queues[who]

    def _start(self, who: str) -> None:
        self._free -= 1
        self._running[who] += 1

    def _end(self, who: str) -> None:
        self._free += 1
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        for other in list(self._queues):
            if not self._free:
                return
            if self._running[other] < self._most_of_one:
                queue = self._queues.pop(other)
                waiter = queue.popleft()
                if queue:
                    self._queues[other] = queue
                self._start(other)
                waiter.turn.set()


def _full() -> TooMany:
    return TooMany("tenant-concurrent", "Too many requests are being worked on.", RETRY_SECONDS)
