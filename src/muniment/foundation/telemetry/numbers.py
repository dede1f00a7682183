"""The numbers behind counts, in memory that the processes of one server may share.

Invariants:
- a process writes its own part alone and reads those of all: there is no lock between processes, and one that is
  killed at any point leaves every number whole;
- a row, once there, stays where it is, so that a process that is started again goes on counting where the one before
  it ended;
- the part of a process is bounded: a row that finds no room is not counted, and how many were not is.

A part is a number of bytes in use, and behind it rows: how long the key is and how many numbers there are, the key,
the numbers. All of it lies on whole words.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Iterator

PART_BYTES = 1 << 20
"""Of each process; pages that nothing was written to take no memory."""
_WORD = 8
_HEAD = struct.Struct("<II")
_USED = struct.Struct("<Q")
_FIRST = 2 * _WORD
"""A part begins with the bytes in use and the count of rows that found no room."""
Row = tuple[str, tuple[float, ...]]


class Numbers:
    """The numbers of all processes, as one of them sees and makes them; safe to share between threads."""

    def __init__(self, descriptor: int = -1, processes: int = 1, process: int = 0) -> None:
        """Without a descriptor, the numbers are those of this process alone."""
        self._memory = mmap.mmap(descriptor, processes * PART_BYTES)
        self._processes = processes
        self._start = process * PART_BYTES
        self._words = memoryview(self._memory).cast("d")
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}
        if not self._used(process):
            self._set_used(_FIRST)
        for key, place, _ in self._rows(process):
            self._places[key] = place

    @staticmethod
    def shared(processes: int) -> int:
        """Return the descriptor of new memory without a name, for children to inherit."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("muniment-numbers", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, processes * PART_BYTES)
        return descriptor

    def place(self, key: str, count: int) -> int:
        """Return where the numbers of a key are, made where they are not yet; -1 where there is no room."""
        with self._lock:
            found = self._places.get(key)
            if found is None:
                found = self._places[key] = self._make(key.encode(), count)
            return found

    def add(self, place: int, by: float) -> None:
        """Add to one number."""
        if place >= 0:
            with self._lock:
                self._words[place] += by

    def add_two(self, place: int, by: float, other: int, more: float) -> None:
        """Add to two numbers that belong together."""
        if place >= 0:
            with self._lock:
                self._words[place] += by
                self._words[other] += more

    def set(self, place: int, value: float) -> None:
        """Replace one number."""
        if place >= 0:
            with self._lock:
                self._words[place] = value

    def own(self) -> dict[str, int]:
        """Return the keys of this process, and where their numbers are."""
        with self._lock:
            return dict(self._places)

    def read(self) -> Iterator[Row]:
        """Yield the rows of every process; those of one key are to be put together."""
        for process in range(self._processes):
            for key, place, count in self._rows(process):
                yield key, tuple(self._words[place : place + count])

    @property
    def without_room(self) -> float:
        """Return how many rows found no room, over all processes."""
        return sum(self._words[(process * PART_BYTES + _WORD) // _WORD] for process in range(self._processes))

    def _make(self, key: bytes, count: int) -> int:
        used = self._used(self._start // PART_BYTES)
        padded = -(-len(key) // _WORD) * _WORD
        end = used + _HEAD.size + padded + count * _WORD
        if end > PART_BYTES:
            self._words[(self._start + _WORD) // _WORD] += 1
            return -1
        at = self._start + used
        _HEAD.pack_into(self._memory, at, len(key), count)
        self._memory[at + _HEAD.size : at + _HEAD.size + len(key)] = key
        # A row is there once the bytes in use say so.
        self._set_used(end)
        return (at + _HEAD.size + padded) // _WORD

    def _rows(self, process: int) -> Iterator[tuple[str, int, int]]:
        start, used = process * PART_BYTES, self._used(process)
        at = start + _FIRST
        while at < start + used:
            length, count = _HEAD.unpack_from(self._memory, at)
            at += _HEAD.size
            key = self._memory[at : at + length].decode()
            at += -(-length // _WORD) * _WORD
            yield key, at // _WORD, count
            at += count * _WORD

    def _used(self, process: int) -> int:
        return int(_USED.unpack_from(self._memory, process * PART_BYTES)[0])

    def _set_used(self, used: int) -> None:
        _USED.pack_into(self._memory, self._start, used)
