"""Work of one search on all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from muniment.inference.embedding import cores

Work = Callable[[], None]

_LEAST = 1 << 13
"""Rows of the smallest piece of work: a tenth of a millisecond, in which another thread can wake."""
_PIECES = 8
"""Pieces of work for each core where there is much: cores end within a piece of each other."""
_FEW = 2 * _LEAST
"""Waking a thread costs as much as working on thousands of rows."""


def portion(rows: int) -> int:
    """Return of how many rows each piece of work on so many should be: each costs some calls, and the last waits."""
    return max(_LEAST, -(-rows // (cores() * _PIECES)))


def together(pieces: Iterable[Work], rows: int) -> None:
    """Do all pieces, in any order and on several threads if `rows` in all are worth it; raises what one raised."""
    waiting = deque(pieces)
    if rows <= _FEW:
        _drain(waiting)
        return
    others = [_threads().submit(_drain, waiting) for _ in range(min(cores(), len(waiting)) - 1)]
    try:
        _drain(waiting)
    finally:
        waiting.clear()
        # One that no thread has begun has nothing left to do.
        begun = [other for other in others if not other.cancel()]
        for other in begun:
            other.result()


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "search")


def _drain(waiting: deque[Work]) -> None:
    while waiting:
        try:
            work = waiting.popleft()
        except IndexError:
            return
        work()
