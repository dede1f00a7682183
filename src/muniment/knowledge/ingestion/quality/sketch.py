"""Sketches of texts, by which those that are nearly alike are found without comparing each with each.

One hash of every run of words falls into one of SLOTS slots, and the least of each slot is kept (one permutation
MinHash, empty slots filled from others in a fixed order): how many slots two sketches share estimates how many runs
their texts share. Slots are banded, so that whatever is at least NEAR alike shares a band with near certainty.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NEAR = 0.8
"""From this likeness on, two texts are near duplicates."""
SLOTS, ROWS = 120, 6
LEAST_WORDS = 40
"""Of a shorter text too little is left to compare."""
LONGEST = 2_000_000
"""Characters that are looked at."""
_RUN = 4
_WORD = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]")
"""Where words are not set apart, each letter counts as one."""
_Hashes = npt.NDArray[np.uint64]


def digest(text: str) -> str:
    """Return what two texts share that differ by nothing but space."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def signature(text: str) -> bytes | None:
    """Return the sketch of a text, None where it is too short for one."""
    words = [zlib.crc32(word.encode()) for word in _WORD.findall(text[:LONGEST].casefold())]
    if len(words) < LEAST_WORDS:
        return None
    hashes = np.array(words, np.uint64)
    runs = np.zeros(len(hashes) - _RUN + 1, np.uint64)
    for at in range(_RUN):
        runs = _mixed(runs + hashes[at : at + len(runs)])
    slots = np.full(SLOTS, np.iinfo(np.uint64).max)
    np.minimum.at(slots, (runs % SLOTS).astype(np.intp), runs // SLOTS)
    filled = slots != np.iinfo(np.uint64).max
    first = filled[_ORDER].argmax(axis=1)
    return slots[_ORDER[np.arange(SLOTS), first]].astype("<u4").tobytes()


def bands(sketch: bytes) -> list[int]:
    """Return keys of 63 bits, of which two texts that are near duplicates share one."""
    size = ROWS * 4
    return [
        int.from_bytes(hashlib.blake2b(sketch[at : at + size], digest_size=8, salt=at.to_bytes(2)).digest())
        >> 1
        for at in range(0, len(sketch), size)
    ]


def likeness(sketch: bytes, others: Sequence[bytes]) -> list[float]:
    """Return how much of each other text is the same, from 0 to 1."""
    if not others:
        return []
    table = np.frombuffer(b"".join(others), "<u4").reshape(len(others), SLOTS)
    return [round(float(share), 2) for share in (table == np.frombuffer(sketch, "<u4")).mean(axis=1)]


def _mixed(values: _Hashes) -> _Hashes:
    """Return values whose every bit depends on every bit (the finaliser of SplitMix64)."""
    values = (values + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _order() -> npt.NDArray[np.intp]:
    """Return for each slot the order in which the others stand in for it; itself comes first."""
    order = _mixed(np.arange(SLOTS * SLOTS, dtype=np.uint64)).reshape(SLOTS, SLOTS)
    np.fill_diagonal(order, 0)
    return np.argsort(order, axis=1)


_ORDER = _order()
