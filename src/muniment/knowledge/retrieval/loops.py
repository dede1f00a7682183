"""The innermost loops of a search, to be compiled (see `compiled`): as they stand they are far too slow.

They give the very bits that the array operations in their place give (`scan.estimates`, `lexical.score`): the same
operations on the same types in the same order. Nothing outside the given runs is read.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


MIXED = -2
"""What stands for the access class of a block whose extents have several."""
_AHEAD = 8
"""Rows that are asked of memory before they are needed."""
_LINE = 64
"""Bytes that memory gives at a time."""
_NEAR = 4 * _LINE
"""Bytes of the lengths of a block that are asked for."""


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
        soon = row + _AHEAD
        if soon >= end:
            soon += gap
        for place in range(0, dimensions, _LINE):
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


def bucket_of(key: Any, shift: Any) -> Any:
    """Return the bucket of a block's words that a key belongs to."""
    return np.int64(key >> np.uint64(shift)) if shift < 64 else np.int64(0)


def find_ahead(
    run: int,
    last: int,
    before: int,
    blocks: Array,
    key_starts: Array,
    buckets: Array,
    keys: Array,
    wanted: Array,
    shift: Any,
) -> None:
    """Ask memory for the two steps to the words of later blocks, since each block's lie elsewhere."""
    if run + 2 * _AHEAD < last:
        for term in range(len(wanted)):
            far = blocks[run + 2 * _AHEAD] - before
            prefetch(buckets, far, bucket_of(wanted[term], shift) * buckets.itemsize)
    if run + _AHEAD < last:
        soon = blocks[run + _AHEAD] - before
        for term in range(len(wanted)):
            prefetch(keys, key_starts[soon] + buckets[soon, bucket_of(wanted[term], shift)], 0)


def add_ahead(
    run: int,
    last: int,
    before: int,
    blocks: Array,
    run_starts: Array,
    posting_starts: Array,
    posting_rows: Array,
    posting_counts: Array,
    lengths: Array,
    words: Array,
) -> None:
    """Ask memory for the postings and lengths of a later run, if it is the first of its block."""
    if run >= last or blocks[run - 1] == blocks[run]:
        return
    for term in range(len(words)):
        if words[term, run] >= 0:
            start = posting_starts[words[term, run]]
            prefetch(posting_rows, start, 0)
            prefetch(posting_counts, start, 0)
    for place in range(0, _NEAR, _LINE):
        prefetch(lengths, run_starts[run] - before, place)


def find(
    first: int,
    last: int,
    before: int,
    blocks: Array,
    key_starts: Array,
    buckets: Array,
    keys: Array,
    posting_starts: Array,
    wanted: Array,
    words: Array,
) -> None:
    """Write the number of each wanted word in the block of each run from `first` up to `last` to `words`.

    It is -1 where the block lacks the word; blocks count from `before` the first of these postings. Of the runs of
    one block, which follow each other, only the first has its column written.
    """
    shift = 64
    width = buckets.shape[1] - 1
    while width > 1:
        width >>= 1
        shift -= 1
    for run in range(first, last):
        find_ahead(run, last, before, blocks, key_starts, buckets, keys, wanted, shift)
        if run > first and blocks[run - 1] == blocks[run]:
            continue
        block = blocks[run] - before
        for term in range(len(wanted)):
            key = wanted[term]
            bucket = bucket_of(key, shift)
            low = key_starts[block] + buckets[block, bucket]
            end = key_starts[block] + buckets[block, bucket + 1]
            high = end
            while low < high:
                middle = (low + high) >> 1
                if keys[middle] < key:
                    low = middle + 1
                else:
                    high = middle
            found = low if low < end and keys[low] == key else -1
            words[term, run] = found
            if found >= 0:
                prefetch(posting_starts, found, 0)


def count(
    first: int,
    last: int,
    blocks: Array,
    run_starts: Array,
    run_ends: Array,
    block_starts: Array,
    posting_starts: Array,
    posting_rows: Array,
    words: Array,
    counts: Array,
) -> None:
    """Add the number of rows in these runs that hold each word that `find` found to `counts`."""
    while first < last:
        block = blocks[first]
        behind = first + 1
        while behind < last and blocks[behind] == block:
            behind += 1
        begin = block_starts[block]
        whole = run_starts[first] == begin and run_ends[first] == block_starts[block + 1]
        for term in range(len(counts)):
            word = words[term, first]
            if word < 0:
                continue
            if whole:
                counts[term] += posting_starts[word + 1] - posting_starts[word]
                continue
            run = first
            for posting in range(posting_starts[word], posting_starts[word + 1]):
                row = begin + posting_rows[posting]
                while run < behind and run_ends[run] <= row:
                    run += 1
                if run < behind and run_starts[run] <= row:
                    counts[term] += 1
        first = behind


def add(
    first: int,
    last: int,
    before: int,
    blocks: Array,
    run_starts: Array,
    run_ends: Array,
    places: Array,
    block_starts: Array,
    posting_starts: Array,
    posting_rows: Array,
    posting_counts: Array,
    lengths: Array,
    words: Array,
    idf: Array,
    weights: Array,
    k1: float,
    b: float,
    mean: float,
    total: Array,
) -> None:
    """Add what each word that `find` found is worth to the places of the rows of these runs that hold it.

    Runs count rows from `before` the first that has `lengths`.
    """
    while first < last:
        block = blocks[first]
        behind = first + 1
        while behind < last and blocks[behind] == block:
            behind += 1
        begin = block_starts[block]
        add_ahead(
            *(behind + _AHEAD, last, before, blocks, run_starts),
            *(posting_starts, posting_rows, posting_counts, lengths, words),
        )
        for term in range(len(idf)):
            word = words[term, first]
            if word < 0:
                continue
            run = first
            for posting in range(posting_starts[word], posting_starts[word + 1]):
                row = begin + posting_rows[posting]
                while run < behind and run_ends[run] <= row:
                    run += 1
                if run < behind and run_starts[run] <= row:
                    own = row - before
                    often = posting_counts[posting, 0] * weights[0]
                    length = lengths[own, 0] * weights[0]
                    for field in range(1, len(weights)):
                        often += posting_counts[posting, field] * weights[field]
                        length += lengths[own, field] * weights[field]
                    norm = k1 * (1 - b + b * length / mean)
                    total[places[run] + row - run_starts[run]] += (
                        idf[term] * often * (k1 + 1) / (often + norm)
                    )
        first = behind
