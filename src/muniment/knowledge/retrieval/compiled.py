"""The loops of a search as machine code, where a process that lives on has asked for it.

Compiling takes seconds, so only `prepare` does it. Without it, or without the compiler (the extra `speed`), searches
use array operations, which give the same results.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from muniment.knowledge.retrieval import loops

Loop = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Loops:
    """Compiled `loops`; they let other threads run meanwhile."""

    estimate: Loop
    levels: Loop
    refine: Loop
    find: Loop
    count: Loop
    add: Loop


_made: Loops | None = None
_making = threading.Lock()


def ready() -> Loops | None:
    """Return the compiled loops, or None where none were prepared."""
    return _made


def available() -> bool:
    """Return whether the compiler is installed."""
    return importlib.util.find_spec("numba") is not None


def prepare() -> None:
    """Compile the loops, unless they are or the compiler is not installed."""
    global _made
    with _making:
        if _made is None and available():
            _made = _compiled()


def _compiled() -> Loops:
    import numba
    from numba import float32, float64, int8, int16, int32, int64, types, uint8, uint16, uint64

    def array(kind: Any, dimensions: int = 1) -> Any:
        return types.Array(kind, dimensions, "C", readonly=True)

    def compile(loop: Loop, *arguments: Any) -> Loop:
        return numba.njit(types.void(*arguments), nogil=True, error_model="numpy")(loop)

    numbers = array(int64)
    return Loops(
        estimate=compile(
            loops.estimate,
            *(array(int8, 2), array(float32), numbers, numbers, array(int16), float32, float32[::1]),
        ),
        levels=compile(loops.levels, array(float64), int64, int8[::1], int8[::1], float64[::1]),
        refine=compile(
            loops.refine,
            *(array(int8, 2), array(float32), array(float32), array(float32), numbers, array(int8)),
            *(float64, array(float64), float64[::1], float64[::1]),
        ),
        find=compile(
            loops.find, *(numbers, numbers, array(int32, 2), array(uint64), array(uint64), int64[:, ::1])
        ),
        count=compile(
            loops.count,
            *(numbers, numbers, numbers, numbers, numbers, array(uint16), array(int64, 2), int64[::1]),
        ),
        add=compile(
            loops.add,
            *(numbers, numbers, numbers, numbers, numbers, numbers, array(uint16), array(uint8, 2)),
            *(array(uint16, 2), array(int64, 2), array(float64), array(float64)),
            *(float64, float64, float64, float64[::1]),
        ),
    )
