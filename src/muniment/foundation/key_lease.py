"""How long a proof that the key-encryption key still opens the tenant key may be relied on.

Invariants:
- a lease counts from the moment at which its proof began, so whatever the key service or a thread does, nothing is
  read later than `seconds` after the last moment at which the key was good;
- a proof that is refused ends the lease at once; one that cannot be had leaves it to run out;
- a lease that is kept by a thread costs a reader one comparison of times; without such a thread, a reader whose
  lease ran out proves the key itself, bounded in time.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from muniment.foundation.clock import Clock
from muniment.foundation.errors import MunimentError
from muniment.foundation.key_provider import KeyRefused, KeyUnreachable

_SHORTEST_WAIT = 0.1
_LOG = logging.getLogger("muniment.keys")


class KeyLease:
    """The lease of one open workspace; safe to share between threads."""

    def __init__(
        self,
        prove: Callable[[], None],
        clock: Clock,
        seconds: float,
        since: float,
        on_change: Callable[[MunimentError | None], None],
    ) -> None:
        """`since` is when the proof that opened the workspace began.

        `on_change` is told why the lease was lost, and None when it is held again.
        """
        self.seconds = seconds
        self._prove = prove
        self._clock = clock
        self._until = since + seconds
        self._why: MunimentError | None = None
        self._lost = False
        self._retry_at = -math.inf
        self._on_change = on_change
        self._proving = threading.Lock()
        self._watchers = 0
        self._counting = threading.Lock()
        self._stop = threading.Event()
        self._telling = ThreadPoolExecutor(1, "key-lease-change")

    def check(self) -> None:
        """Return while the lease holds; else raise KeyUnreachable, KeyRefused or NotSetUp, saying why."""
        if self._clock.seconds() < self._until:
            return
        if not self._watchers:
            with self._proving:
                now = self._clock.seconds()
                if now >= self._until and now >= self._retry_at:
                    self._renew()
                    self._retry_at = self._clock.seconds() + _SHORTEST_WAIT
            if self._clock.seconds() < self._until:
                return
        raise self._told()

    def renew(self) -> bool:
        """Prove the key now; return whether the lease holds."""
        with self._proving:
            self._renew()
        return not self._lost

    @contextmanager
    def kept(self) -> Generator[None]:
        """Let a thread renew the lease twice in its time, until the block ends."""
        with self._counting:
            self._watchers += 1
            if self._watchers == 1:
                self._stop = threading.Event()
                threading.Thread(target=self._keep, args=[self._stop], name="key-lease", daemon=True).start()
        try:
            yield
        finally:
            with self._counting:
                self._watchers -= 1
                if not self._watchers:
                    self._stop.set()

    def close(self) -> None:
        """Wait until every change has been told."""
        self._telling.shutdown()

    def _keep(self, stop: threading.Event) -> None:
        wait = 0.0
        while not stop.wait(wait):
            began = self._clock.seconds()
            self.renew()
            wait = max(_SHORTEST_WAIT, self.seconds / 2 - (self._clock.seconds() - began))

    def _renew(self) -> None:
        began = self._clock.seconds()
        try:
            self._prove()
        except KeyUnreachable as error:
            self._why = error
        except MunimentError as error:
            self._why, self._until = error, -math.inf
        except Exception as error:
            self._why = KeyRefused(
                "The key could not be proven.",
                fix="`muniment keys status` says how it is.",
                detail=type(error).__name__,
            )
            self._until = -math.inf
        else:
            self._why, self._until = None, began + self.seconds
        self._settle(lost=self._clock.seconds() >= self._until)

    def _settle(self, lost: bool) -> None:
        if lost == self._lost:
            return
        self._lost = lost
        why = self._told() if lost else None
        _LOG.warning("closed: %s" if why else "open again%s", why or "")
        with suppress(RuntimeError):
            # On its own thread: this one may be inside a transaction, or have to renew before a writer has ended.
            self._telling.submit(self._on_change, why)

    def _told(self) -> MunimentError:
        """A fresh error: one object raised by many threads would collect their frames."""
        why = self._why
        if why is None:
            return KeyUnreachable(
                "The key could not be proven in time.", fix="`muniment keys status` says how it is."
            )
        kind = type(why) if why.status == KeyRefused.status else KeyRefused
        return kind(why.public, fix=why.fix, detail=why.detail)
