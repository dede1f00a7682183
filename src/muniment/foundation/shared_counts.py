"""What several processes count together in memory that they share: how often something happens, how much is in hand.

Invariants:
- a process writes its own numbers alone and reads those of all: there is no lock, so none waits for another, and one
  that is killed at any point leaves every number whole;
- each adds, then looks: of two that look at the same moment both may be refused, never both let past a limit;
- keys share a number only by a chance that nobody can steer, and then a limit is reached sooner, never later.

A key has some places, found by a keyed hash; its count is the least that one of them says. A place of a rate has two
numbers of each process: the seconds that its takes have cost since the beginning, and the lowest that it has seen the
cost of all less the time passed. By how much that is above the lowest now is what is owed: at most a minute.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import tempfile
import threading

from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids

MOST_PROCESSES = 64
PLACES = 1 << 16
"""Of rates; a power of two."""
PLACES_IN_HAND = 1 << 13
WAYS = 3
_MINUTE = 60.0
_ROUNDING = 1e-6
_KEY_BYTES = 32
_NUMBER = struct.Struct("d")
_HASHED = struct.Struct(f"{WAYS}I")


class SharedCounts:
    """The counts of all processes, as one of them sees and makes them; safe to share between threads."""

    def __init__(self, descriptor: int, processes: int, process: int) -> None:
        """`process`, of 0 to `processes` - 1, is whose numbers are written: two that live never write the same."""
        self.descriptor = descriptor
        self._all = processes
        self._mine = process
        self._memory = mmap.mmap(descriptor, _size(processes))
        self._key = self._memory[:_KEY_BYTES]
        self._rate = struct.Struct(f"{2 * processes}d")
        self._hand = struct.Struct(f"{processes}d")
        self._hands = _KEY_BYTES + PLACES * self._rate.size
        self._turn = threading.Lock()

    @classmethod
    def made(cls, processes: int, ids: Ids) -> SharedCounts:
        """Return new counts in memory without a name, for children to inherit by its descriptor."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("muniment-counts", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, _size(processes))
        os.pwrite(descriptor, ids.random_bytes(_KEY_BYTES), 0)
        return cls(descriptor, processes, 0)

    def rates(self, clock: Clock, name: str = "") -> SharedRates:
        """Return buckets as of `rate.Buckets`, those of a name apart from those of another."""
        return SharedRates(self, clock, name)

    def in_hand(self, name: str = "") -> SharedInHand:
        """Return counts of what is in hand, those of a name apart from those of another."""
        return SharedInHand(self, name)

    def ended(self, process: int) -> None:
        """Forget what a process that lives no more had in hand."""
        for place in range(PLACES_IN_HAND):
            at = self._hands + place * self._hand.size + process * _NUMBER.size
            _NUMBER.pack_into(self._memory, at, 0.0)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
        os.close(self.descriptor)

    def take(self, key: str, cost: float, now: float) -> float:
        """Add seconds to a key's count unless a minute is passed; return how much more than a minute it would be."""
        places = self._places(key, _KEY_BYTES, PLACES, self._rate.size)
        with self._turn:
            found = [self._rate.unpack_from(self._memory, at) for at in places]
            over = self._owed(found, now) + cost - _MINUTE
            if over > _ROUNDING:
                return over
            self._add(places, found, cost, now)
            over = self._owed([self._rate.unpack_from(self._memory, at) for at in places], now) - _MINUTE
            if over <= _ROUNDING:
                return 0.0
            self._add(places, found, 0.0, now)
            return over

    def owed(self, key: str, now: float) -> float:
        """Return a key's count, in seconds."""
        places = self._places(key, _KEY_BYTES, PLACES, self._rate.size)
        return self._owed([self._rate.unpack_from(self._memory, at) for at in places], now)

    def hold(self, key: str, change: int, most: float = float("inf")) -> bool:
        """Add to what this process has in hand, unless that is more than `most` over all; return whether it was."""
        places = self._places(key, self._hands, PLACES_IN_HAND, self._hand.size)
        with self._turn:
            self._change(places, change)
            if min(sum(self._hand.unpack_from(self._memory, at)) for at in places) <= most:
                return True
            self._change(places, -change)
            return False

    def _places(self, key: str, start: int, count: int, size: int) -> list[int]:
        found = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_HASHED.size)
        # Twice the same place would be written twice.
        return list({start + number % count * size for number in _HASHED.unpack(found.digest())})

    def _owed(self, found: list[tuple[float, ...]], now: float) -> float:
        count = self._all
        least = min([sum(numbers[:count]) - min(numbers[count:]) for numbers in found])
        return max(0.0, least - now)

    def _add(self, places: list[int], found: list[tuple[float, ...]], cost: float, now: float) -> None:
        """Write this process's numbers of these places as they were found, with a cost more."""
        count, mine = self._all, self._mine
        own, low = mine * _NUMBER.size, (count + mine) * _NUMBER.size
        for at, numbers in zip(places, found, strict=True):
            level = sum(numbers[:count]) - now
            if level < min(numbers[count:]):
                _NUMBER.pack_into(self._memory, at + low, level)
            _NUMBER.pack_into(self._memory, at + own, numbers[mine] + cost)

    def _change(self, places: list[int], change: int) -> None:
        for at in places:
            own = at + self._mine * _NUMBER.size
            (number,) = _NUMBER.unpack_from(self._memory, own)
            _NUMBER.pack_into(self._memory, own, number + change)


class SharedRates:
    """Token buckets of several processes."""

    def __init__(self, counts: SharedCounts, clock: Clock, name: str) -> None:
        self._counts = counts
        self._clock = clock
        self._name = name

    def take(self, key: str, per_minute: int) -> float:
        """Take one token of a bucket that holds a minute's; return 0, or in how many seconds there will be one."""
        return self._counts.take(f"{self._name}/{key}", _MINUTE / per_minute, self._clock.seconds())

    def wait(self, key: str, per_minute: int) -> float:
        """Return in how many seconds a token can be taken, taking none."""
        owed = self._counts.owed(f"{self._name}/{key}", self._clock.seconds())
        over = owed + _MINUTE / per_minute - _MINUTE
        return over if over > _ROUNDING else 0.0


class SharedInHand:
    """What several processes have in hand; fills `InHand`."""

    def __init__(self, counts: SharedCounts, name: str) -> None:
        self._counts = counts
        self._name = name

    def take(self, who: str, most: int) -> bool:
        return self._counts.hold(f"{self._name}/{who}", 1, most)

    def give_back(self, who: str) -> None:
        self._counts.hold(f"{self._name}/{who}", -1)


def _size(processes: int) -> int:
    return _KEY_BYTES + (2 * PLACES + PLACES_IN_HAND) * processes * _NUMBER.size
