"""The innermost loops of a search, to be compiled (see `compiled`): as they stand they are far too slow.

They give the very bits that the array operations in their place give (`scan.estimates`, `lexical.score`): the same
operations on the same types in the same order. Nothing outside the given runs is read. Those over postings are in
`posting_loops`.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


MIXED = -2
"""What stands for the access class of a block whose extents have several."""
AHEAD = 8
"""Rows that are asked of memory before they are needed."""
LINE = 64
"""Bytes that memory gives at a time."""


def prefetch(_matrix: Array, _row: Any, _column: Any) -> None:
    """Ask memory for what stands there, which need not exist; nothing where it is not compiled."""


def bytes_at(address: Any, rows: Any, columns: Any) -> Array:
    """Return the array that lies there: a table of addresses stands for any number of arrays in one call."""
    held = (ctypes.c_int8 * (rows * columns)).from_address(address)
    return np.frombuffer(held, np.int8).reshape(rows, columns)


def floats_at(address: Any, rows: Any) -> Array:
    """Return the array that lies there."""
    return np.frombuffer((ctypes.c_float * rows).from_address(address), np.float32)


def select(
    readable: Array,
    block_classes: Array,
    block_starts: Array,
    block_extents: Array,
    extent_classes: Array,
    extent_starts: Array,
    starts: Array,
    ends: Array,
    blocks: Array,
    places: Array,
    told: Array,
) -> None:
    """Write the runs of blocks, and of the extents of mixed ones, whose class is true in `readable`.

    `places` gets how many rows lie before each run, `told` the number of runs and that of their rows.
    """
    runs = 0
    rows = 0
    for block in range(len(block_classes)):
        number = block_classes[block]
        if number == MIXED:
            for extent in range(block_extents[block], block_extents[block + 1]):
                own = extent_classes[extent]
                if 0 <= own < len(readable) and readable[own]:
                    starts[runs], ends[runs] = extent_starts[extent], extent_starts[extent + 1]
                    blocks[runs], places[runs] = block, rows
                    rows += ends[runs] - starts[runs]
                    runs += 1
        elif 0 <= number < len(readable) and readable[number]:
            starts[runs], ends[runs] = block_starts[block], block_starts[block + 1]
            blocks[runs], places[runs] = block, rows
            rows += ends[runs] - starts[runs]
            runs += 1
    told[0] = runs
    told[1] = rows


def estimate(
    codes: Array,
    first_rows: Array,
    starts: Array,
    ends: Array,
    places: Array,
    first: int,
    last: int,
    question: Array,
    factor: Any,
    out: Array,
) -> None:
    """Write the product of the question's codes with each row, times the scales of both, to `out[first:last]`.

    `codes` is a table of addresses as `layout.Addresses` has it: 0 where rows have no such codes and are worth 0.
    `first_rows` says where each segment begins, and all rows end.
    """
    run = 0
    high = len(places)
    while high - run > 1:
        middle = (run + high) >> 1
        if places[middle] <= first:
            run = middle
        else:
            high = middle
    at = first
    segment = 0
    while at < last:
        row = starts[run] + (at - places[run])
        while first_rows[segment + 1] <= row:
            segment += 1
        before, count = first_rows[segment], first_rows[segment + 1] - first_rows[segment]
        end = min(ends[run], row + (last - at))
        if codes[segment, 0] == 0:
            out[at : at + end - row] = 0
        else:
            gap = starts[run + 1] - ends[run] if run + 1 < len(starts) else 0
            held, scale = (
                bytes_at(codes[segment, 0], count, len(question)),
                floats_at(codes[segment, 1], count),
            )
            estimate_run(held, scale, row - before, end - before, gap, question, factor, out, at)
        at += end - row
        run += 1


def estimate_run(
    codes: Array,
    scale: Array,
    row: int,
    end: int,
    gap: int,
    question: Array,
    factor: Any,
    out: Array,
    at: int,
) -> None:
    """Write what `estimate` does for adjacent rows; the next that will be read are `gap` rows behind them."""
    dimensions = len(question)
    while row < end:
        # Runs are short, so the processor does not foresee what is read next.
        soon = row + AHEAD
        if soon >= end:
            soon += gap
        for place in range(0, dimensions, LINE):
            prefetch(codes, soon, place)
        # The casts keep the sum in 32 bits: then one instruction takes many products.
        total = np.int32(0)
        for place in range(dimensions):
            total = np.int32(total + np.int32(np.int32(codes[row, place]) * np.int32(question[place])))
        out[at] = np.float32(total) * scale[row] * factor
        at += 1
        row += 1


def levels(
    vector: Array,
    signs: Array,
    firsts: Array,
    size: int,
    share: float,
    steps: int,
    coarse: Array,
    fine: Array,
    said: Array,
) -> None:
    """Turn a vector in place (see `codes.Turn`) and write it as whole steps to `coarse`, what that leaves to `fine`.

    `said` gets the squared length of the vector, then for each level its scale and the squared length of the rest.
    `share` is one over the square root of `size`.
    """
    for turn in range(len(firsts)):
        for place in range(len(vector)):
            vector[place] *= signs[turn, place]
        first = firsts[turn]
        near = 1
        while near < size:
            for start in range(first, first + size, 2 * near):
                for place in range(start, start + near):
                    one, other = vector[place], vector[place + near]
                    vector[place] = one + other
                    vector[place + near] = one - other
            near *= 2
        for place in range(first, first + size):
            vector[place] *= share
    length = 0.0
    highest = 0.0
    for place in range(len(vector)):
        length += vector[place] * vector[place]
        highest = max(highest, abs(vector[place]))
    said[0] = length
    coarse_scale = highest / steps
    coarse_step = coarse_scale if coarse_scale > 0.0 else 1.0
    left = 0.0
    highest = 0.0
    for place in range(len(vector)):
        whole = np.rint(vector[place] / coarse_step)
        coarse[place] = np.int8(whole)
        rest = vector[place] - whole * coarse_scale
        left += rest * rest
        highest = max(highest, abs(rest))
    said[1] = coarse_scale
    said[2] = left
    fine_scale = highest / steps
    fine_step = fine_scale if fine_scale > 0.0 else 1.0
    left = 0.0
    for place in range(len(vector)):
        rest = vector[place] - np.float64(coarse[place]) * coarse_scale
        whole = np.rint(rest / fine_step)
        fine[place] = np.int8(whole)
        last = rest - whole * fine_scale
        left += last * last
    said[3] = fine_scale
    said[4] = left


def refine(
    codes: Array,
    first_rows: Array,
    rows: Array,
    fine: Array,
    fine_scale: float,
    bound: Array,
    lowest: float,
    estimates: Array,
    bounds: Array,
) -> None:
    """Add what the question's second level says of these rows to `estimates`; write how far each may be to `bounds`.

    `bound` holds what a row's `lost`, its `length` and their sum are to be multiplied with. Rows without codes (see
    `estimate`) are `lowest`.
    """
    dimensions = len(fine)
    segment = 0
    for at in range(len(rows)):
        while first_rows[segment + 1] <= rows[at]:
            segment += 1
        row = rows[at] - first_rows[segment]
        count = first_rows[segment + 1] - first_rows[segment]
        if codes[segment, 0] == 0:
            estimates[at] = lowest
            bounds[at] = 0.0
            continue
        held = bytes_at(codes[segment, 0], count, dimensions)
        total = np.int32(0)
        for place in range(dimensions):
            total = np.int32(total + np.int32(np.int32(held[row, place]) * np.int32(fine[place])))
        scale = floats_at(codes[segment, 1], count)
        estimates[at] += np.float64(scale[row]) * fine_scale * np.float64(total)
        out = np.float64(floats_at(codes[segment, 2], count)[row])
        kept = np.float64(floats_at(codes[segment, 3], count)[row])
        bounds[at] = bound[0] * out + bound[1] * kept + bound[2] * (out + kept)
