"""Runs a function of an installed package, in a process of its own that ends with the call.

Invariants:
- only functions defined in packages that the operator allows are called, with an empty environment;
- one that crashes, hangs, eats memory or says too much is killed with all that it started, and fails that call only;
- until the function is about to be called, it is certain that nothing was done.
The function may do whatever this account may: it is the operator's own code, kept apart, not locked in.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Collection

from muniment.actions.manifest import PythonFunction
from muniment.actions.runners import python_child
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.outside_words import shown
from muniment.actions.runners.python_tool import Call
from muniment.actions.runners.strict_json import read_value
from muniment.foundation.sandbox import end_group

MEMORY_BYTES = 512 << 20
"""Address space of the process, imports included."""
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from muniment.actions.runners.python_child import main; main()"
)
_PIECE = 1 << 20
_HEAD = 10
"""Bytes before those of a result: two letters and a length."""
_ENDING_SECONDS = 1.0
"""How long a process may take to end after its reply, to close what it had open."""


class PythonFunctionRunner:
    """Calls functions of the packages that the operator allows."""

    def __init__(self, packages: Collection[str], memory_bytes: int = MEMORY_BYTES) -> None:
        self._packages = sorted(packages)
        self._memory_bytes = memory_bytes

    def run(self, call: ToolCall) -> object:
        """Return the JSON value that the function gave; raises ToolFailed."""
        runs = call.manifest.runs
        if not isinstance(runs, PythonFunction):
            raise ToolFailed("refused", "This is no Python function.", certain=True)
        module, _, name = runs.function.partition(":")
        if not python_child.is_within(module, self._packages) or name.startswith("_"):
            raise ToolFailed(
                "refused",
                f"{runs.function} may not be called.",
                certain=True,
                fix="Name its package in tools.python if it may.",
            )
        child = _started()
        try:
            conversation = _Conversation(child, self._request(call, runs), call.manifest.most_bytes)
            conversation.hold(time.monotonic() + call.manifest.seconds)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_ENDING_SECONDS)
        finally:
            end_group(child)
        return _value(conversation.kind, conversation.said)

    def _request(self, call: ToolCall, runs: PythonFunction) -> bytes:
        about: Call = {
            "caller": call.caller,
            "key": call.key,
            "version": call.version,
            "dry_run": call.dry_run,
        }
        request = {
            "function": runs.function,
            "arguments": dict(call.arguments),
            "call": about,
            "allowed": self._packages,
            "memory_bytes": self._memory_bytes,
            "seconds": int(call.manifest.seconds) + 2,
        }
        return json.dumps(request).encode()


def _started() -> subprocess.Popen[bytes]:
    paths = [path for path in sys.path if os.path.isabs(path)]
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    try:
        child = subprocess.Popen(
            [sys.executable, *flags, "-c", _BOOT, json.dumps(paths)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise ToolFailed("crash", "No process could be started.", certain=True, detail=str(error)) from error
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
    return child


class _Conversation:
    """What goes to the process and what comes back, bounded while it is read."""

    def __init__(self, child: subprocess.Popen[bytes], request: bytes, most_bytes: int) -> None:
        self._child = child
        self._left = memoryview(request)
        self._most = most_bytes
        self._got = bytearray()

    def hold(self, deadline: float) -> None:
        """Send the request and receive the whole reply; raises ToolFailed."""
        if self._child.stdin is None or self._child.stdout is None:
            raise ToolFailed("crash", "No process could be started.", certain=True)
        reading, writing = self._child.stdout.fileno(), self._child.stdin.fileno()
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        poll.register(writing, select.POLLOUT)
        while not self._complete():
            left = deadline - time.monotonic()
            if left <= 0:
                raise ToolFailed("time", "The function did not end in time.", certain=not self._calling)
            for descriptor, _ in poll.poll(left * 1000):
                if descriptor == reading:
                    self._receive(reading)
                elif not self._send(writing):
                    poll.unregister(writing)
                    self._child.stdin.close()

    @property
    def kind(self) -> bytes:
        """Return how it went."""
        return bytes(self._frame[:1])

    @property
    def said(self) -> bytes:
        """Return what came with it."""
        return bytes(self._frame[9:])

    @property
    def _calling(self) -> bool:
        return self._got.startswith(python_child.CALLING)

    @property
    def _frame(self) -> bytearray:
        return self._got[1:] if self._calling else self._got

    def _send(self, descriptor: int) -> bool:
        try:
            self._left = self._left[os.write(descriptor, self._left[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._left)

    def _receive(self, descriptor: int) -> None:
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return
        if not piece:
            raise ToolFailed(
                "crash",
                "The function ended without a result.",
                certain=not self._calling,
                detail=self._ended(),
            )
        self._got += piece
        if max(self._size(), len(self._got) - _HEAD) > self._most:
            raise ToolFailed("size", f"The function gave more than {self._most:,} bytes.", certain=False)

    def _ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"exit {self._child.wait(_ENDING_SECONDS)}"
        return ""

    def _size(self) -> int:
        frame = self._frame
        return int.from_bytes(frame[1:9], "big") if len(frame) >= 9 else 0

    def _complete(self) -> bool:
        frame = self._frame
        return len(frame) >= 9 and len(frame) - 9 >= self._size()


def _value(kind: bytes, said: bytes) -> object:
    if kind == python_child.DONE:
        try:
            return read_value(said)
        except ValueError as error:
            said_so = "The function gave something that JSON cannot say exactly."
            raise ToolFailed("type", said_so, certain=False, detail=str(error)) from error
    words = said.decode("utf-8", "replace")
    if kind == python_child.REFUSED:
        raise ToolFailed(
            "refused", f"The function refused it: {shown(words) or 'without a reason'}", certain=True
        )
    if kind == python_child.UNFIT:
        raise ToolFailed("refused", f"The function cannot be called: {shown(words)}.", certain=True)
    if kind == python_child.NO_JSON:
        raise ToolFailed("type", "The function gave something else than JSON.", certain=False, detail=words)
    if kind == python_child.NO_MEMORY:
        raise ToolFailed("crash", "The function needed more memory than it may have.", certain=False)
    raise ToolFailed("crash", "The function failed.", certain=False, detail=words)
