"""The turn to write, which a thread takes once: a second time in the same thread is refused, not left to wait.

What the interpreter cleans up, such as a stream that nobody reads any more, it may clean up in a thread that writes
just then; there it would wait for itself for ever.
"""

from __future__ import annotations

import threading
from types import TracebackType

from muniment.foundation.errors import Unavailable


class WriteTurn:
    """A lock between the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        """Wait for the turn; raises Unavailable in the thread that has it."""
        me = threading.get_ident()
        if self._holder == me:
            raise Unavailable("Something is being written already.", detail="a write inside a write")
        self._lock.acquire()
        self._holder = me

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder = None
        self._lock.release()
