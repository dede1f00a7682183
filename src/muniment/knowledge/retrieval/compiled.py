"""The loops of a search as machine code, where a process that lives on has asked for it.

Compiling takes seconds of a core, so only `prepare` does it. Without it, or without the compiler (the extra `speed`),
searches use array operations, which give the same results.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from muniment.knowledge.retrieval import loops, posting_loops

Loop = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Loops:
    """Compiled `loops`; they let other threads run meanwhile."""

    select: Loop
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
    from numba import (
        boolean,
        extending,
        float32,
        float64,
        int8,
        int16,
        int32,
        int64,
        types,
        uint8,
        uint16,
        uint64,
    )

    def array(kind: Any, dimensions: int = 1) -> Any:
        return types.Array(kind, dimensions, "C", readonly=True)

    def compile(loop: Loop, *arguments: Any) -> Loop:
        return numba.njit(types.void(*arguments), nogil=True, error_model="numpy")(loop)

    _compile_prefetch()
    _compile_addresses()
    for called in (
        loops.estimate_run,
        posting_loops.bucket_of,
        posting_loops.find_ahead,
        posting_loops.add_ahead,
    ):
        extending.register_jitable(called)
    numbers = array(int64)
    return Loops(
        select=compile(
            loops.select,
            *(array(boolean), array(int32), numbers, numbers, array(int32), numbers),
            *(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1]),
        ),
        estimate=compile(
            loops.estimate,
            *(array(uint64, 2), numbers, numbers, numbers, numbers, int64, int64),
            *(array(int16), float32, float32[::1]),
        ),
        levels=compile(
            loops.levels,
            *(float64[::1], array(float64, 2), numbers, int64, float64, int64),
            *(int8[::1], int8[::1], float64[::1]),
        ),
        refine=compile(
            loops.refine,
            *(array(uint64, 2), numbers, numbers, array(int8)),
            *(float64, array(float64), float64, float64[::1], float64[::1]),
        ),
        find=compile(
            posting_loops.find,
            *(int64, int64, int64, numbers, numbers, array(int32, 2), array(uint64), numbers),
            *(array(uint64), int64[:, ::1]),
        ),
        count=compile(
            posting_loops.count,
            *(int64, int64, numbers, numbers, numbers, numbers, numbers, array(uint16)),
            *(array(int64, 2), int64[::1]),
        ),
        add=compile(
            posting_loops.add,
            *(int64, int64, int64, numbers, numbers, numbers, numbers, numbers, numbers, array(uint16)),
            *(array(uint8, 2), array(uint16, 2), array(int64, 2), array(float64), array(float64)),
            *(float64, float64, float64, float64[::1]),
        ),
    )


def _compile_prefetch() -> None:
    """Let compiled loops call the instruction of the processor."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, overload

    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)

    def typed(_context: Any, matrix: Any, row: Any, column: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            offset = builder.add(
                builder.mul(builder.extract_value(array.strides, 0), arguments[1]), arguments[2]
            )
            place = builder.gep(builder.bitcast(array.data, byte), [offset])
            call = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch", [byte], call)
            # To read, to be kept close, as data.
            builder.call(function, [place, *(ir.Constant(word, value) for value in (0, 3, 1))])
            return context.get_dummy_value()

        return types.void(matrix, types.intp, types.intp), generated

    instruction: Any = intrinsic(typed)

    # The names of the parameters have to be those of `loops.prefetch`.
    def called(_matrix: Any, _row: Any, _column: Any) -> Any:
        def written(_matrix: Any, _row: Any, _column: Any) -> None:
            instruction(_matrix, _row, _column)

        return written

    overload(loops.prefetch)(called)


def _compile_addresses() -> None:
    """Let compiled loops read arrays by their addresses."""
    from numba import types
    from numba.extending import intrinsic, overload
    from numba.np.numpy_support import carray

    def typed(_context: Any, address: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.voidptr(address), generated

    pointer: Any = intrinsic(typed)

    def bytes_at(address: Any, rows: Any, columns: Any) -> Any:
        def found(address: Any, rows: Any, columns: Any) -> Any:
            return carray(pointer(address), (rows, columns), np.int8)

        return found

    def floats_at(address: Any, rows: Any) -> Any:
        def found(address: Any, rows: Any) -> Any:
            return carray(pointer(address), (rows,), np.float32)

        return found

    overload(loops.bytes_at)(bytes_at)
    overload(loops.floats_at)(floats_at)
