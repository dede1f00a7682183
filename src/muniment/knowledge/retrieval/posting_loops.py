"""The innermost loops over postings, to be compiled as those of `loops` are."""

from __future__ import annotations

from typing import Any

import numpy as np

from muniment.knowledge.retrieval.loops import AHEAD, LINE, Array, prefetch

_NEAR = 4 * LINE
"""Bytes of the lengths of a block that are asked for."""


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
    if run + 2 * AHEAD < last:
        for term in range(len(wanted)):
            far = blocks[run + 2 * AHEAD] - before
            prefetch(buckets, far, bucket_of(wanted[term], shift) * buckets.itemsize)
    if run + AHEAD < last:
        soon = blocks[run + AHEAD] - before
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
    for place in range(0, _NEAR, LINE):
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
            *(behind + AHEAD, last, before, blocks, run_starts),
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
