"""A local model's process: started when first asked, kept warm, replaced when it fails.

Invariants:
- the process holds no environment, descriptor or key of ours, and reaches nothing once the model is loaded;
- one that crashes, falls silent or babbles is killed and fails that request only;
- requests take turns, and only so many wait.
What it says is as trustworthy as what the model was given to read.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from muniment.foundation.errors import MunimentError, NotSetUp, Unavailable
from muniment.foundation.sandbox import ChildFailed, end_group
from muniment.inference.providers.provider import Busy

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from muniment.inference.providers.local_child import main; main(sys.argv[1:])"
)
_PIECE = 1 << 16
_TOKEN_BYTES = 256
"""No token is longer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a process."""

    start_seconds: float = 300.0
    stop_seconds: float = 1.0
    """How long a request that is no longer wanted may take to end."""
    waiting: int = 8
    """Requests that wait for their turn; one more is turned away."""
    line_bytes: int = 1 << 20
    life_seconds: float = 6 * 3600.0
    """Working time after which a fresh process takes over; its processor time is bounded accordingly."""


def command(options: Mapping[str, object]) -> list[str]:
    """Return the command of a process that serves the model named in `options` (see `local_child`)."""
    paths = [path for path in sys.path if os.path.isabs(path)]
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    return [sys.executable, *flags, "-c", _BOOT, json.dumps(options), json.dumps(paths)]


class LocalProcess:
    """One model in a process of its own. Usable from several threads."""

    def __init__(self, command: Sequence[str], limits: Limits | None = None, threads: int = 1) -> None:
        """`threads` is how many the command's process works with."""
        self.command = tuple(command)
        self.threads = threads
        self._limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None
        self._lines = _Lines(-1, 0)
        self._asked = 0
        self._worked = 0.0
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._inside = 0
        self.start_seconds = 0.0
        """How long the last start took."""
        atexit.register(self.close)

    def ask(self, asked: Mapping[str, object], max_tokens: int, seconds: float) -> Generator[dict[str, Any]]:
        """Yield the replies of the process to a request (see `local_child`); close the iterator to stop the model.

        `seconds` bounds waiting and answering, not the first start. Raises Busy where too many wait, ChildFailed for
        a process that failed, Unavailable for a model that cannot be loaded, NotSetUp without isolation.
        """
        waits_until = time.monotonic() + seconds
        with self._place(waits_until):
            child = self._running()
            started = time.monotonic()
            self._asked += 1
            ended = False
            try:
                self._send(child, {**asked, "id": self._asked, "max_tokens": max_tokens}, started + seconds)
                for reply in self._replies(max_tokens, started + seconds):
                    ended = "done" in reply or "refused" in reply
                    yield reply
            except GeneratorExit:
                if not ended:
                    self._end(child)
                raise
            except BaseException:
                self._stop()
                raise
            finally:
                self._worked += time.monotonic() - started

    def close(self) -> None:
        """End the process; a later request starts a new one."""
        self._stop()

    @property
    def pid(self) -> int | None:
        """Process id of the running process."""
        return self._child.pid if self._child else None

    @contextlib.contextmanager
    def _place(self, until: float) -> Generator[None]:
        """Wait for this request's turn."""
        with self._counting:
            if self._inside > self._limits.waiting:
                raise Busy("The model is busy.", retry_after=1.0)
            self._inside += 1
        try:
            if not self._turn.acquire(timeout=max(0.0, until - time.monotonic())):
                raise ChildFailed("time", detail="others were being answered")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._counting:
                self._inside -= 1

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child and self._child.poll() is None and self._worked < self._limits.life_seconds:
            return self._child
        self._stop()
        started = time.monotonic()
        self._child = child = self._spawn()
        try:
            first = self._lines.next(started + self._limits.start_seconds)
        except BaseException:
            self._stop()
            raise
        if "ready" in first:
            self._worked, self.start_seconds = 0.0, time.monotonic() - started
            return child
        self._stop()
        if "unconfined" in first:
            raise NotSetUp(
                f"A language model cannot run in isolation here: {first['unconfined']}.",
                fix="Run on Linux with seccomp (x86_64 or arm64), "
                'or accept weaker limits with ingestion.isolation = "rlimits".',
            )
        raise Unavailable(
            "The model cannot be loaded.",
            fix="Run `muniment models check`.",
            detail=str(first.get("failed", "the process said something else")),
        )

    def _spawn(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Threads that wait for each other sleep: spinning stalls where there are fewer cores than work.
            env={"OMP_WAIT_POLICY": "passive"},
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        if child.stdin and child.stdout:
            os.set_blocking(child.stdin.fileno(), False)
            os.set_blocking(child.stdout.fileno(), False)
            self._lines = _Lines(child.stdout.fileno(), self._limits.line_bytes)
        return child

    def _send(self, child: subprocess.Popen[bytes], message: Mapping[str, object], deadline: float) -> None:
        if child.stdin is None:
            raise ChildFailed("crash")
        view = memoryview(json.dumps(message).encode() + b"\n")
        poll = select.poll()
        poll.register(child.stdin.fileno(), select.POLLOUT)
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ChildFailed("time")
            if poll.poll(left * 1000):
                try:
                    view = view[os.write(child.stdin.fileno(), view[: 16 * _PIECE]) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    raise ChildFailed("crash") from error

    def _replies(self, max_tokens: int, deadline: float) -> Iterator[dict[str, Any]]:
        room = max_tokens * _TOKEN_BYTES
        while True:
            reply = self._lines.next(deadline)
            if reply.get("id") != self._asked:
                raise ChildFailed("reply", detail="an answer to something else")
            if "text" in reply:
                room -= len(str(reply["text"]))
                if room < 0:
                    raise ChildFailed("reply", detail="more text than was asked for")
            yield reply
            if "done" in reply or "refused" in reply:
                return

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Have the model stop; a process that does not in time is killed."""
        deadline = time.monotonic() + self._limits.stop_seconds
        try:
            self._send(child, {"stop": self._asked}, deadline)
            for reply in self._replies(1 << 30, deadline):
                if "done" in reply or "refused" in reply:
                    return
        except MunimentError:
            self._stop()

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            end_group(child)


class _Lines:
    """Reads JSON objects, a line each, from a pipe that may give anything."""

    def __init__(self, descriptor: int, most_bytes: int) -> None:
        self._descriptor = descriptor
        self._most = most_bytes
        self._got = bytearray()

    def next(self, deadline: float) -> dict[str, Any]:
        """Return the next object; raises ChildFailed."""
        while (at := self._got.find(b"\n")) < 0:
            self._receive(deadline)
        line = bytes(self._got[:at])
        del self._got[: at + 1]
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ChildFailed("reply", detail="a line that is not JSON") from error
        if not isinstance(found, dict):
            raise ChildFailed("reply", detail="a line that is no object")
        return cast("dict[str, Any]", found)

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ChildFailed("time")
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(min(left, 3600.0) * 1000):
            return
        try:
            piece = os.read(self._descriptor, 16 * _PIECE)
        except BlockingIOError:
            return
        if not piece:
            raise ChildFailed("crash")
        if len(self._got) + len(piece) > self._most + 16 * _PIECE:
            raise ChildFailed("reply", detail="a line without end")
        self._got += piece
