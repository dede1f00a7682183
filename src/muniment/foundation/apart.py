"""Run asynchronous work from synchronous code, wherever that runs, and wait no longer than told."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")
_GRACE_SECONDS = 0.2


def apart(work: Callable[[], Coroutine[None, None, T]], timeout_seconds: float) -> T | Exception:
    """Return what work gives or raises, waited for no longer than the timeout and a moment; then a TimeoutError.

    On a thread of its own: the caller may have a running loop, and a name server that hangs cannot be cancelled.
    """
    done: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()

    def go() -> None:
        try:
            done.put(asyncio.run(work()))
        except Exception as error:
            done.put(error)

    threading.Thread(target=go, name="exchange", daemon=True).start()
    try:
        return done.get(timeout=timeout_seconds + _GRACE_SECONDS)
    except queue.Empty:
        return TimeoutError()
