"""What this machine can do, measured beside what is compared with it."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.bars import p50
from muniment.inference.embedding import cores

_THREADED = 1 << 16
"""Rows from which our scan uses every core."""

_WAYS: Mapping[str, Callable[[npt.NDArray[np.int8]], Any]] = {
    "sum of words": lambda codes: codes.view(np.int64).sum(),
    "highest byte": lambda codes: codes.max(),
}


def described() -> dict[str, object]:
    """Return what one should know of the machine beside a figure."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


class Reading:
    """Reads as many bytes as a search has to, again and again, and keeps the times.

    The bytes lie in one piece. They are read in two ways, each with one thread and, from the size at which our scan
    does so, with one on every core: the fastest of these is what the machine can do.
    """

    def __init__(self, rows: int, dimensions: int) -> None:
        words = max(1, rows * dimensions // 8)
        self._codes = np.random.default_rng(3).integers(-127, 127, words * 8, np.int8)
        self._pool = ThreadPoolExecutor(cores())
        counts = {1, cores()} if rows >= _THREADED else {1}
        self._parts = {count: _cut(self._codes, count) for count in counts}
        self._times: defaultdict[tuple[str, int], list[float]] = defaultdict(list)

    def once(self) -> None:
        """Read everything once in each way."""
        for way, read in _WAYS.items():
            for threads, parts in self._parts.items():
                started = time.perf_counter()
                if threads == 1:
                    read(parts[0])
                else:
                    list(self._pool.map(read, parts))
                self._times[way, threads].append(time.perf_counter() - started)

    @property
    def ms(self) -> float:
        """The median time of the fastest way, in milliseconds."""
        return min(p50(times) for times in self._times.values())

    @property
    def speed(self) -> float:
        """What that is in GB a second."""
        return self._codes.nbytes / self.ms / 1e6

    def close(self) -> None:
        """Let go of the bytes and threads."""
        self._pool.shutdown()
        self._parts.clear()
        self._codes = np.zeros(0, np.int8)


def resident_mb() -> float:
    """Return how much memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _cut(codes: npt.NDArray[np.int8], count: int) -> list[npt.NDArray[np.int8]]:
    return [part.view(np.int8) for part in np.array_split(codes.view(np.int64), count)]


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in file.read_text().splitlines() if "model name" in line)
    return next(named, platform.processor())
