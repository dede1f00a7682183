"""The inside of a local model's process: load one model, lock the process, answer requests until the pipe closes.

Both directions are lines of JSON. The first line out is `ready`, `unconfined` or `failed`. A request is
`{"id", "user", "max_tokens"}`, and perhaps `system`, `schema` and `fence`, random text that stands in this request
and no other. The replies to it carry its id: `read` (prompt tokens so far), `text`, and one of `done` and `refused`.
`{"stop": id}` ends a request early, with `done`.

Invariants:
- the bytes that are loaded are the bytes that were verified: a copy in memory that nothing can alter;
- what an earlier request asked is nothing to a later one: only our own instructions stay in the model's memory,
  or what was read for the very same request before it was asked once more;
- the process ends with its parent, even while the model is at work.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import queue
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from muniment.foundation.confinement import Unconfined, confine, leave_network
from muniment.foundation.errors import MunimentError
from muniment.foundation.sandbox_child import own_output
from muniment.inference import gguf
from muniment.inference.language_weights import ModelFile

WORK_BYTES = 1 << 30
"""What requests may take beyond what the loaded model has."""
_BATCH = 64
"""Prompt tokens between two looks at whether to go on."""
_ADD_SEALS = 1033  # fcntl(2); Python 3.11 does not name it
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008  # F_SEAL_SEAL, SHRINK, GROW, WRITE


def main(arguments: Sequence[str]) -> None:
    """Serve the model that the JSON of `arguments[0]` names, over standard input and output."""
    options = json.loads(arguments[0])
    out = _Lines(own_output())
    questions = _Questions(sys.stdin.buffer)
    started = time.monotonic()
    try:
        leave_network()
        model = _Model(options)
        questions.start()
        private, mapped = _memory()
        confine(
            private + WORK_BYTES,
            options["cpu_seconds"],
            (0, 1, 2, out.descriptor),
            options["isolation"],
            address_bytes=mapped + 2 * WORK_BYTES,
            threads=True,
        )
    except Unconfined as reason:
        out.write({"unconfined": str(reason)})
        return
    except MunimentError as error:
        out.write({"failed": error.public})
        return
    except Exception as error:
        out.write({"failed": f"The file cannot be loaded ({type(error).__name__})."})
        return
    out.write({"ready": round(time.monotonic() - started, 3)})
    while True:
        asked = questions.next()
        out.write({"id": asked["id"], **model.answer(asked, questions.stopped, out.write)})


class _Lines:
    """Writes JSON, a line each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.descriptor = file.fileno()

    def write(self, value: Mapping[str, object]) -> None:
        view = memoryview(json.dumps(value).encode() + b"\n")
        while view:
            view = view[self._file.write(view) or 0 :]


class _Questions:
    """Reads requests on a thread of its own, so that the end of the parent is noticed at any time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._stopped = 0

    def start(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> dict[str, Any]:
        return self._waiting.get()

    def stopped(self, number: int) -> bool:
        return self._stopped >= number

    def _read(self) -> None:
        while line := self._file.readline():
            asked = json.loads(line)
            if "stop" in asked:
                self._stopped = max(self._stopped, asked["stop"])
            else:
                self._waiting.put(asked)
        os._exit(0)


class _Model:
    """A loaded model, which answers one request at a time."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        runtime: Any = importlib.import_module("xllamacpp")
        path = _sealed(ModelFile(options["name"], Path(options["path"]), options["sha256"]))
        with open(path, "rb") as file:
            self._signals = gguf.signals(file)
        chosen = runtime.CommonParams()
        chosen.model.path = path
        chosen.n_ctx = options["context"]
        chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = options["threads"]
        chosen.n_batch = chosen.n_ubatch = _BATCH
        chosen.n_parallel = 1
        chosen.n_gpu_layers = 0
        # Repacked weights are a second copy in memory, and crash on some processors with matrix extensions.
        chosen.no_extra_bufts = True
        chosen.fit_params = False
        chosen.cache_ram_mib = 0
        chosen.ctx_shift = False
        chosen.verbosity = -1
        # The library listens in any case: here on a socket that is gone, with its folder, before the first request.
        chosen.n_threads_http = 1
        chosen.api_keys = [secrets.token_hex(16)]
        with tempfile.TemporaryDirectory(prefix="muniment-") as folder:
            chosen.hostnames = [f"{folder}/model.sock"]
            self._server = runtime.Server(chosen)
        self._fence = ""
        self._chat("", "", 1, None, lambda chunk: False)

    def answer(
        self,
        asked: Mapping[str, Any],
        stopped: Callable[[int], bool],
        write: Callable[[dict[str, object]], None],
    ) -> dict[str, object]:
        """Answer one request through `write`; return how it ended."""
        number: int = asked["id"]
        reply = _Reply(lambda said: write({"id": number, **said}), lambda: stopped(number))
        system, fence = asked.get("system", ""), asked.get("fence", "")
        if not fence or fence != self._fence:
            # Cuts the model's memory back to our own instructions, whatever was asked before.
            self._chat(system, "", 0, None, lambda chunk: stopped(number))
        self._fence = fence
        user = gguf.without_signals(asked["user"], self._signals)
        try:
            self._chat(system, user, asked["max_tokens"], asked.get("schema"), reply.take)
        except ValueError as error:
            return {"refused": "schema", "detail": str(error)[-300:]}
        return reply.end()

    def _chat(
        self,
        system: str,
        user: str,
        max_tokens: int,
        schema: object,
        take: Callable[[dict[str, Any]], bool],
    ) -> None:
        request: dict[str, object] = {
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
            "cache_prompt": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        if schema is not None:
            request["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        self._server.handle_chat_completions(request, take)


class _Reply:
    """What the model says to one request."""

    def __init__(self, write: Callable[[dict[str, object]], None], stopped: Callable[[], bool]) -> None:
        self._write = write
        self._stopped = stopped
        self._end: dict[str, object] = {"done": {}}

    def take(self, chunk: dict[str, Any]) -> bool:
        """Pass one event of the library on; return whether to stop."""
        if error := chunk.get("error"):
            self._end = {"refused": "request", "detail": str(error.get("type"))}
            if error.get("type") == "exceed_context_size_error":
                self._end = {"refused": "context", "tokens": error["n_prompt_tokens"], "room": error["n_ctx"]}
            return True
        for choice in chunk.get("choices") or ():
            if text := choice.get("delta", {}).get("content"):
                self._write({"text": text})
        if progress := chunk.get("prompt_progress"):
            self._write({"read": progress["processed"]})
        if usage := chunk.get("usage"):
            timings = chunk.get("timings", {})
            self._end = {
                "done": {
                    "prompt_tokens": usage["prompt_tokens"],
                    "completion_tokens": usage["completion_tokens"],
                    "read_tokens": timings.get("prompt_n", 0),
                    "read_ms": timings.get("prompt_ms", 0),
                    "write_ms": timings.get("predicted_ms", 0),
                }
            }
        return self._stopped()

    def end(self) -> dict[str, object]:
        """Return how it ended."""
        return self._end


def _sealed(file: ModelFile) -> str:
    """Return the path of a copy of `file` in memory that is verified, and that nothing can alter any more."""
    copy = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    def write(block: bytes) -> None:
        view = memoryview(block)
        while view:
            view = view[os.write(copy, view) :]

    file.verify(write)
    fcntl.fcntl(copy, _ADD_SEALS, _SEALS)
    return f"/proc/self/fd/{copy}"


def _memory() -> tuple[int, int]:
    """Return the private writable and the whole memory of this process."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) << 10 for name in ("VmData", "VmSize"))  # pyright: ignore[reportReturnType]
