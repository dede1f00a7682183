"""The attempts at an endpoint: how many, how many at one time, after which waits, and when it is left alone.

Invariants:
- a reply that has begun is never asked for again;
- what a request itself was refused for, which others' would not be, does not count against the endpoint.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, nullcontext

from muniment.foundation.clock import Clock
from muniment.foundation.errors import NotSetUp, Unavailable
from muniment.inference.breaker import Breaker, Resting
from muniment.inference.catalog import QUOTES, Endpoint
from muniment.inference.measured import left_alone
from muniment.inference.messages import Chunk, Request
from muniment.inference.providers.provider import Budget, Busy, Provider, RequestRefused

FIRST_WAIT_SECONDS = 0.4
LONGEST_WAIT_SECONDS = 8.0
WAITING = 4
"""Requests that may wait for a place at an endpoint at one time, each of which holds a thread meanwhile.

Fewer than a server has threads: those who have a place need one to go on, or nobody would ever leave.
"""


class Attempts:
    """What one process asks of endpoints."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._places: dict[str, threading.BoundedSemaphore] = {}
        self._waiting = threading.BoundedSemaphore(WAITING)

    def complete(self, endpoint: Endpoint, provider: Provider, request: Request) -> Generator[Chunk]:
        """Yield the reply; raises Unavailable where there is none, at once where the endpoint is left alone."""
        breaker, places = self._of(endpoint)
        # Quotes are made in this process: there is no endpoint that could have too much to do.
        with nullcontext() if endpoint.kind == QUOTES else self._place(endpoint, places):
            for attempt in range(1, endpoint.max_attempts + 1):
                begun = False
                try:
                    with closing(self._once(endpoint, breaker, provider, request)) as chunks:
                        for chunk in chunks:
                            begun = True
                            yield chunk
                    return
                except Busy as busy:
                    if begun or attempt == endpoint.max_attempts or breaker.is_open:
                        raise
                    self._sleep(_wait(attempt, busy.retry_after))
        raise Unavailable(f"The model {endpoint.name!r} did not answer.")

    @contextmanager
    def _place(self, endpoint: Endpoint, places: threading.BoundedSemaphore) -> Generator[None]:
        if not (places.acquire(blocking=False) or self._waited(places, endpoint.timeout_seconds)):
            raise Unavailable(
                f"The model {endpoint.name!r} is busy with as many requests as it may have at one time.",
                fix="Try again in a moment, or raise its max_concurrent.",
            )
        try:
            yield
        finally:
            places.release()

    def _waited(self, places: threading.BoundedSemaphore, seconds: float) -> bool:
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return places.acquire(timeout=seconds)
        finally:
            self._waiting.release()

    def rests(self, name: str) -> bool:
        """Return whether this process leaves an endpoint alone for now."""
        with self._lock:
            found = self._breakers.get(name)
        return found is not None and found.is_open

    def _once(
        self, endpoint: Endpoint, breaker: Breaker, provider: Provider, request: Request
    ) -> Generator[Chunk]:
        try:
            let = breaker.admit()
        except Resting as resting:
            raise Unavailable(
                f"The model {endpoint.name!r} has failed several times in a row and is left alone for now.",
                fix=f"Try again in {math.ceil(resting.seconds)} s, or ask another model.",
            ) from None
        report = breaker.left
        try:
            yield from provider.complete(
                request, Budget(endpoint.max_output_tokens, endpoint.timeout_seconds)
            )
            report = breaker.succeeded
        except (RequestRefused, NotSetUp):
            raise
        except Unavailable:
            report = breaker.failed
            raise
        finally:
            report(let)
            left_alone(endpoint, breaker.is_open)

    def _of(self, endpoint: Endpoint) -> tuple[Breaker, threading.BoundedSemaphore]:
        with self._lock:
            breaker = self._breakers.setdefault(endpoint.name, Breaker(self._clock))
            most = threading.BoundedSemaphore(endpoint.max_concurrent)
            return breaker, self._places.setdefault(endpoint.name, most)


def _wait(attempt: int, retry_after: float) -> float:
    """Seconds before the next attempt: doubling, with full jitter, or what the endpoint asked for, bounded."""
    if retry_after > 0:
        return min(retry_after, LONGEST_WAIT_SECONDS)
    return random.uniform(0.5, 1.0) * min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS)
