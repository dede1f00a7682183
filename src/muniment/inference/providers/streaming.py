"""One call of an endpoint, on a thread with a loop of its own, to be read and stopped from synchronous code.

Invariants:
- a call ends within the time of its budget, and where its reader stops;
- no more text is taken than the tokens of the budget can be.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from muniment.foundation.errors import MunimentError
from muniment.inference.messages import Chunk, TextDelta
from muniment.inference.providers.provider import Budget

THREAD = "model-call"
"""The name of the threads that calls run on."""
LONGEST_TOKEN = 64
"""Characters; of many tokens the average is far below."""
_GRACE_SECONDS = 2.0
"""How much longer than its budget a call is waited for before it is given up."""
_END = object()

Give = Callable[[Chunk], None]
Run = Callable[[Give], Coroutine[Any, Any, None]]
"""Makes the call and gives its chunks; may raise anything."""
Translated = Callable[[BaseException], MunimentError]
"""Gives the one line for what was raised."""


class TooLong(Exception):
    """More came than was asked for."""


class BrokeOff(Exception):
    """The reply ended before it said that it had."""


def streamed(run: Run, translated: Translated, budget: Budget) -> Iterator[Chunk]:
    """Yield what a call gives; close the iterator to stop the call."""
    call = _Call(run, budget)
    try:
        yield from call.chunks(translated)
    finally:
        call.stop()


class _Call:
    def __init__(self, run: Run, budget: Budget) -> None:
        self._asked = run
        self._seconds = budget.timeout_seconds
        self._left = budget.max_output_tokens * LONGEST_TOKEN
        self._given: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()

    def chunks(self, translated: Translated) -> Iterator[Chunk]:
        while True:
            try:
                given = self._given.get(timeout=self._seconds + _GRACE_SECONDS)
            except queue.Empty:
                raise translated(TimeoutError()) from None
            if given is _END:
                return
            if isinstance(given, BaseException):
                raise translated(given) from None
            yield given

    def stop(self) -> None:
        """Cancel what still runs."""
        self._stopped.set()
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._task.cancel)
            except RuntimeError:
                return
        self._thread.join(_GRACE_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._given.put(error)
        self._given.put(_END)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if not self._stopped.is_set():
            async with asyncio.timeout(self._seconds):
                await self._asked(self._give)

    def _give(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta):
            self._left -= len(chunk.text)
            if self._left < 0:
                raise TooLong
        self._given.put(chunk)
