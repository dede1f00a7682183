"""How fast a local model is on this machine, and what it takes."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.sandbox import ChildFailed
from muniment.inference.providers.local_process import LocalProcess

_TEXT = "The canteen opens at eight in the morning and closes at three in the afternoon. " * 30
_QUESTION = "Retell all of this as a long story for children."
_WRITTEN = 64


@dataclass(frozen=True, slots=True)
class Speed:
    """One request of a few hundred tokens, answered with 64."""

    start_seconds: float
    read_per_second: float
    written_per_second: float
    memory_mb: int
    threads: int
    cores: int


def measure(process: LocalProcess, seconds: float) -> Speed:
    """Start `process` and have it answer once; raises as `LocalProcess.ask` does."""
    done: dict[str, float] = {}
    with closing(process.ask({"user": f"{_TEXT}\n{_QUESTION}"}, _WRITTEN, seconds)) as replies:
        for reply in replies:
            done = reply.get("done", done)
    if not done.get("read_ms") or not done.get("write_ms"):
        raise ChildFailed("reply", detail="no figures")
    return Speed(
        start_seconds=round(process.start_seconds, 2),
        read_per_second=round(1000 * done["read_tokens"] / done["read_ms"], 1),
        written_per_second=round(1000 * done["completion_tokens"] / done["write_ms"], 1),
        memory_mb=_memory_mb(process.pid),
        threads=process.threads,
        cores=len(os.sched_getaffinity(0)),
    )


def _memory_mb(pid: int | None) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1000
    return 0
