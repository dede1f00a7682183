"""Run one module of ours as an isolated child that computes on bytes and reaches nothing.

Invariants:
- the child gets bytes and gives bytes; it holds no environment, path, descriptor or key of ours;
- one that crashes, hangs, eats memory or babbles is killed, fails that request only, and the next request
  gets a new child;
- isolation that cannot be had is an error, never less isolation.
What the child replies is as trustworthy as what it was given: check it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from muniment.foundation.confinement import Isolation
from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.foundation.sandbox_child import DONE, FAILED, OUT_OF_MEMORY, READY, UNCONFINED

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from muniment.foundation.sandbox_child import main; main(sys.argv[1:])"
)
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a child."""

    seconds: float = 60.0
    """Wall clock of one request."""
    memory_bytes: int = 224 << 20
    """Private writable memory, imports included."""
    reply_bytes: int = 64 << 20
    start_seconds: float = 60.0
    life_seconds: float = 600.0
    """Working time after which a fresh child takes over; its processor time is bounded accordingly."""


class ChildFailed(MunimentError):
    """The child gave no usable reply to one request; `reason` says why."""

    code = "child-failed"

    def __init__(
        self, reason: Literal["crash", "time", "memory", "reply", "error"], detail: str = ""
    ) -> None:
        super().__init__(f"The isolated process failed ({reason}).", detail=detail)
        self.reason = reason


class Sandbox:
    """A module served by an isolated child: started at the first request, reused, replaced when it fails.

    Usable from several threads; requests take turns.
    """

    def __init__(self, module: str, limits: Limits, isolation: Isolation = "required") -> None:
        self._module = module
        self._limits = limits
        self._isolation: Isolation = isolation
        self._child: subprocess.Popen[bytes] | None = None
        self._worked = 0.0
        self._turn = threading.Lock()

    def request(self, *parts: bytes) -> bytes:
        """Return the child's answer to `parts`. Raises ChildFailed, or NotSetUp without isolation."""
        with self._turn:
            child = self._running()
            started = time.monotonic()
            try:
                kind, answer = self._exchange(child, _message(parts), started + self._limits.seconds)
            except BaseException:
                self._stop()
                raise
            self._worked += time.monotonic() - started
        if kind == DONE:
            return answer
        if kind == FAILED:
            raise ChildFailed("error", detail=answer.decode("utf-8", "replace"))
        with self._turn:
            self._stop()
        raise ChildFailed("memory" if kind == OUT_OF_MEMORY else "reply")

    def start(self) -> None:
        """Start the child now rather than at the first request. Raises NotSetUp as `request` does."""
        with self._turn:
            self._running()

    def close(self) -> None:
        """End the child; a later request starts a new one."""
        with self._turn:
            self._stop()

    @property
    def pid(self) -> int | None:
        """Process id of the running child."""
        return self._child.pid if self._child else None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child and self._child.poll() is None and self._worked < self._limits.life_seconds:
            return self._child
        self._stop()
        self._child = child = self._spawn()
        self._worked = 0.0
        try:
            kind, answer = self._exchange(child, [], time.monotonic() + self._limits.start_seconds)
        except BaseException:
            self._stop()
            raise
        if kind == READY:
            return child
        self._stop()
        reason = answer.decode("utf-8", "replace")
        if kind == UNCONFINED:
            raise NotSetUp(
                f"Untrusted files cannot be read in isolation here: {reason}.",
                fix="Run on Linux with seccomp (x86_64 or arm64), "
                'or accept weaker limits with isolation = "rlimits".',
            )
        raise ChildFailed("crash", detail=reason)

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = {
            "module": self._module,
            "memory_bytes": self._limits.memory_bytes,
            "cpu_seconds": int(self._limits.life_seconds + self._limits.seconds) + 1,
            "isolation": self._isolation,
        }
        paths = [path for path in sys.path if os.path.isabs(path)]
        flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
        child = subprocess.Popen(
            [sys.executable, *flags, "-c", _BOOT, json.dumps(options), json.dumps(paths)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        if child.stdin and child.stdout:
            os.set_blocking(child.stdin.fileno(), False)
            os.set_blocking(child.stdout.fileno(), False)
        return child

    def _exchange(
        self, child: subprocess.Popen[bytes], message: Sequence[bytes], deadline: float
    ) -> tuple[bytes, bytes]:
        if child.stdin is None or child.stdout is None:
            raise ChildFailed("crash")
        sender = _Sender(child.stdin.fileno(), message)
        receiver = _Receiver(child.stdout.fileno(), self._limits.reply_bytes)
        poll = select.poll()
        poll.register(child.stdout.fileno(), select.POLLIN)
        if sender.pending:
            poll.register(child.stdin.fileno(), select.POLLOUT)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ChildFailed("time")
            for descriptor, _ in poll.poll(min(left, 3600.0) * 1000):
                if descriptor == child.stdout.fileno():
                    receiver.receive()
                elif not sender.send():
                    poll.unregister(descriptor)
            if receiver.complete:
                return receiver.reply()

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            end_group(child)


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group of its own, and all that it started; returns when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


class _Sender:
    def __init__(self, descriptor: int, pieces: Sequence[bytes]) -> None:
        self._descriptor = descriptor
        self.pending = [memoryview(piece) for piece in pieces if piece]

    def send(self) -> bool:
        """Write what the pipe takes; return whether more is left."""
        try:
            written = os.write(self._descriptor, self.pending[0][: 16 * _PIECE])
        except BlockingIOError:
            return True
        except BrokenPipeError as error:
            raise ChildFailed("crash") from error
        self.pending[0] = self.pending[0][written:]
        if not self.pending[0]:
            del self.pending[0]
        return bool(self.pending)


class _Receiver:
    def __init__(self, descriptor: int, most_bytes: int) -> None:
        self._descriptor = descriptor
        self._most = most_bytes
        self._got = bytearray()
        self._size: int | None = None

    def receive(self) -> None:
        try:
            piece = os.read(self._descriptor, 16 * _PIECE)
        except BlockingIOError:
            return
        if not piece:
            raise ChildFailed("crash")
        self._got += piece
        if self._size is None and len(self._got) >= 8:
            self._size = int.from_bytes(self._got[:8], "big")
            if not 1 <= self._size <= self._most:
                raise ChildFailed("reply", detail=f"a reply of {self._size} bytes")

    @property
    def complete(self) -> bool:
        if self._size is not None and len(self._got) > 8 + self._size:
            raise ChildFailed("reply", detail="more than one reply")
        return self._size is not None and len(self._got) == 8 + self._size

    def reply(self) -> tuple[bytes, bytes]:
        return bytes(self._got[8:9]), bytes(self._got[9:])


def _message(parts: Sequence[bytes]) -> list[bytes]:
    message = [len(parts).to_bytes(8, "big")]
    for part in parts:
        message += [len(part).to_bytes(8, "big"), part]
    return message
