"""Keeps several workers serving one home: starts them, starts again those that end, and ends them all.

Invariants:
- a worker that ended is started again after a pause that grows while it does not stay, and the log says why;
- what keeps a worker from starting at the beginning ends all, and so does later what only a change by hand can mend,
  once no worker serves;
- when this ends, so does every worker: running requests have the grace that they have in a single process.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from muniment.foundation.clock import Clock
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.foundation.shared_counts import SharedCounts
from muniment.foundation.telemetry.numbers import Numbers
from muniment.interfaces.server import GRACE_SECONDS
from muniment.interfaces.worker import Orders

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STAYS_SECONDS = 60.0
"""A worker that served for so long is started again after the first pause."""
_END_SECONDS = GRACE_SECONDS + 5.0
_POLL_SECONDS = 0.05
_LOG = logging.getLogger("muniment.workers")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _CannotStart(MunimentError):
    """What a worker said of why it cannot serve."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said["public"], fix=said["fix"])
        self.code, self.exit_code, self.status = said["code"], said["exit_code"], said["status"]

    @property
    def needs_a_hand(self) -> bool:
        """Whether it stays so until somebody changes a setting or a file."""
        return self.status < 500 and self.code != "conflict"


@dataclass(slots=True)
class _Worker:
    number: int
    process: subprocess.Popen[bytes] | None = None
    line: socket.socket | None = None
    heard: bytes = b""
    serving: float | None = None
    """Since when."""
    wrong: _CannotStart | None = None
    pause: float = 0.0
    due: float = 0.0


class Supervisor:
    """The workers of one server."""

    def __init__(
        self,
        listener: socket.socket,
        orders: Orders,
        starts: Callable[[int], Sequence[str]],
        clock: Clock | None = None,
    ) -> None:
        """`starts` gives the command of a worker that hears its orders on a descriptor."""
        self._listener = listener
        self._orders = orders
        self._starts = starts
        self._clock = clock or Clock()
        self._counts = SharedCounts.made(orders.of, Ids())
        self._numbers = Numbers.shared(orders.of)
        self._workers = [_Worker(number) for number in range(1, orders.of + 1)]
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._served = False

    def run(self) -> None:
        """Serve until SIGINT, or SIGTERM, which then ends this process; raises why no worker can start."""
        with self._listening_to_signals():
            try:
                for worker in self._workers:
                    self._start(worker)
                while not self._signals:
                    self._step()
            finally:
                self._end()
        if signal.SIGTERM in self._signals:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

    def _step(self) -> None:
        now = self._clock.seconds()
        waits = [one.due - now for one in self._workers if one.process is None]
        for key, _ in self._selector.select(max(0.0, min(waits)) if waits else None):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(key.fd, 64)
            else:
                self._hear(key.data)
        now = self._clock.seconds()
        for worker in self._workers:
            if worker.process is None and worker.due <= now and not self._signals:
                self._start(worker)

    def _start(self, worker: _Worker) -> None:
        ours, theirs = socket.socketpair()
        try:
            orders = replace(
                self._orders,
                number=worker.number,
                listener=self._listener.fileno(),
                counts=self._counts.descriptor,
                numbers=self._numbers,
            )
            # In a group of its own: Ctrl-C is for the parent, which ends the workers.
            process = subprocess.Popen(
                list(self._starts(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), orders.listener, orders.counts, orders.numbers),
                process_group=0,
            )
        except OSError as error:
            ours.close()
            if not self._served:
                raise
            self._put_off(worker, f"cannot be started ({error.strerror})")
            return
        finally:
            theirs.close()
        worker.process, worker.line, worker.heard = process, ours, b""
        worker.serving, worker.wrong = None, None
        self._selector.register(ours, selectors.EVENT_READ, worker)
        with suppress(OSError):
            ours.sendall(orders.text())

    def _hear(self, worker: _Worker) -> None:
        said = b""
        if worker.line is not None:
            with suppress(OSError):
                said = worker.line.recv(1 << 16)
        if not said:
            self._ended(worker)
            return
        *lines, worker.heard = (worker.heard + said).split(b"\n")
        for line in lines:
            found = json.loads(line)
            if "serving" in found:
                worker.serving = self._clock.seconds()
                self._served = True
                _LOG.info("worker %d serves", worker.number)
            else:
                worker.wrong = _CannotStart(found)

    def _ended(self, worker: _Worker) -> None:
        code = self._reaped(worker)
        others = any(one.serving is not None for one in self._workers)
        wrong = worker.wrong
        if wrong is not None and (not self._served or (wrong.needs_a_hand and not others)):
            raise wrong
        if wrong is None and not self._served and code > 0:
            # It has said why.
            raise SystemExit(code)
        how = (
            str(wrong) if wrong else f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        )
        self._put_off(worker, f"cannot serve: {how}" if wrong else how)

    def _reaped(self, worker: _Worker) -> int:
        """Take out a worker whose line has ended; return its exit code."""
        if worker.line is not None:
            self._selector.unregister(worker.line)
            worker.line.close()
        code = 0
        if worker.process is not None:
            try:
                code = worker.process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                code = worker.process.wait()
        self._counts.ended(worker.number - 1)
        stayed = worker.serving is not None and self._clock.seconds() - worker.serving >= STAYS_SECONDS
        if stayed:
            worker.pause = 0.0
        worker.process, worker.line, worker.serving = None, None, None
        return code

    def _put_off(self, worker: _Worker, why: str) -> None:
        worker.pause = min(LONGEST_PAUSE, worker.pause * 2) or FIRST_PAUSE
        worker.due = self._clock.seconds() + worker.pause
        _LOG.warning("worker %d %s; it is started again in %g s", worker.number, why, worker.pause)

    def _end(self) -> None:
        """End every worker; what has not ended in time, or at a second signal, is killed."""
        self._listener.close()
        living: list[subprocess.Popen[bytes]] = []
        for worker in self._workers:
            if worker.line is not None:
                worker.line.close()
            if worker.process is not None:
                living.append(worker.process)
        told, until = len(self._signals), self._clock.seconds() + _END_SECONDS
        while living := [one for one in living if one.poll() is None]:
            if self._clock.seconds() > until or len(self._signals) > max(1, told):
                for one in living:
                    one.kill()
            with suppress(subprocess.TimeoutExpired):
                living[0].wait(_POLL_SECONDS)
        self._selector.close()
        self._counts.close()
        os.close(self._numbers)

    @contextmanager
    def _listening_to_signals(self) -> Generator[None]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._selector.register(reading, selectors.EVENT_READ, None)
        before = {one: signal.signal(one, self._signalled) for one in _SIGNALS}
        wakes = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakes)
            for one, handler in before.items():
                signal.signal(one, handler)
            os.close(reading)
            os.close(writing)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address, for port 0 on any free one; raises OSError naming it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(2048)
    except OSError as error:
        made.close()
        error.filename = f"{host}:{port}"
        raise
    return made
