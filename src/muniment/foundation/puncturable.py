"""A key that gives a key for each of 2^64 places, and can forget one place after another.

It is a tree of hashes (Goldreich, Goldwasser and Micali): whoever holds the seed of a node has every place below it.
To forget a place, the seeds on the way to it give way to the seeds beside that way. So a copy has to be renewed when
a place is forgotten, and never because a place is used for the first time.

Invariants:
- nothing about the key of a forgotten place follows from what is left;
- every other place keeps the key that it had.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

DEPTH = 64
SEED_BYTES = 32
_NODE = struct.Struct(f">BQ{SEED_BYTES}s")


@dataclass(frozen=True, slots=True)
class PuncturableKey:
    """Seeds by depth and way: together they cover every place that was not forgotten."""

    seeds: Mapping[tuple[int, int], bytes]

    @classmethod
    def of(cls, seed: bytes) -> PuncturableKey:
        """Return the key that has forgotten nothing; `seed` is 32 random bytes."""
        return cls({(0, 0): seed})

    def key(self, place: int) -> bytes | None:
        """Return the 256-bit key of a place below 2^64, or None for a forgotten one."""
        found = self._above(place)
        if found is None:
            return None
        seed = self.seeds[found]
        for depth in range(found[0] + 1, DEPTH + 1):
            seed = _below(seed, _way(place, depth) & 1)
        return seed

    def without(self, place: int) -> PuncturableKey:
        """Return the key that has forgotten a place, too."""
        found = self._above(place)
        if found is None:
            return self
        seeds = dict(self.seeds)
        seed = seeds.pop(found)
        for depth in range(found[0] + 1, DEPTH + 1):
            way = _way(place, depth)
            seeds[depth, way ^ 1] = _below(seed, (way ^ 1) & 1)
            seed = _below(seed, way & 1)
        return PuncturableKey(seeds)

    def to_bytes(self) -> bytes:
        """Return the seeds in the order of their places, which tells nothing of when each was made."""
        ordered = sorted(self.seeds.items(), key=lambda one: (one[0][1] << (DEPTH - one[0][0]), one[0][0]))
        return b"".join(_NODE.pack(depth, way, seed) for (depth, way), seed in ordered)

    @classmethod
    def from_bytes(cls, raw: bytes) -> PuncturableKey:
        """Return the key that `to_bytes` wrote; raises ValueError for a part of one."""
        if len(raw) % _NODE.size:
            raise ValueError("These are not whole seeds.")
        return cls({(depth, way): seed for depth, way, seed in _NODE.iter_unpack(raw)})

    def _above(self, place: int) -> tuple[int, int] | None:
        for depth in range(DEPTH + 1):
            if (depth, _way(place, depth)) in self.seeds:
                return depth, _way(place, depth)
        return None


def _way(place: int, depth: int) -> int:
    return place >> (DEPTH - depth)


def _below(seed: bytes, side: int) -> bytes:
    return hashlib.sha256(seed + bytes((side,))).digest()
