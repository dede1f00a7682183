"""The inside of a sandbox: load one module, lock the process, answer requests until the pipe closes.

The module gives `warm_up()`, which imports all that its work needs (nothing can be imported afterwards), and
`handle(parts)`. A frame is its length (8 bytes, big endian) and its bytes. A request is a count (8 bytes) and
that many frames; a reply is one frame whose first byte says how it went.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import BinaryIO

from muniment.foundation.confinement import Unconfined, confine

READY, DONE, FAILED, OUT_OF_MEMORY, UNCONFINED = b"R", b"D", b"F", b"M", b"U"


def main(arguments: Sequence[str]) -> None:
    """Serve the module named in the JSON of `arguments[0]` over standard input and output."""
    options = json.loads(arguments[0])
    replies = own_output()
    try:
        module = importlib.import_module(options["module"])
        module.warm_up()
        os.nice(5)
        keep = (0, 1, 2, replies.fileno())
        confine(options["memory_bytes"], options["cpu_seconds"], keep, options["isolation"])
    except Unconfined as reason:
        _reply(replies, UNCONFINED, str(reason).encode())
        return
    except Exception:
        _reply(replies, FAILED, traceback.format_exc().encode("utf-8", "replace"))
        return
    _reply(replies, READY, b"")
    _serve(module.handle, sys.stdin.buffer, replies)


def own_output() -> BinaryIO:
    """Keep the reply pipe for frames alone: whatever a library prints goes nowhere."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return replies


def _serve(handle: Callable[[Sequence[bytes]], bytes], requests: BinaryIO, replies: BinaryIO) -> None:
    while count := requests.read(8):
        try:
            parts = [_frame(requests) for _ in range(int.from_bytes(count, "big"))]
            answer = handle(parts)
            del parts
            _reply(replies, DONE, answer)
        except MemoryError:
            _reply(replies, OUT_OF_MEMORY, b"")
            return
        except Exception:
            _reply(replies, FAILED, traceback.format_exc(limit=-8).encode("utf-8", "replace")[-4000:])


def _frame(requests: BinaryIO) -> bytes:
    return requests.read(int.from_bytes(requests.read(8), "big"))


def _reply(replies: BinaryIO, kind: bytes, answer: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        for piece in ((1 + len(answer)).to_bytes(8, "big") + kind, answer):
            view = memoryview(piece)
            while view:
                view = view[replies.write(view) or 0 :]
