"""What an SMB server shows of files and folders."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

FOLDER, LINK, HIDDEN, SYSTEM = 0x10, 0x400, 0x2, 0x4
"""Attributes; a link is any reparse point."""
ELSEWHERE = 0x1000 | 0x40000 | 0x400000
"""Attributes of what lies on another store, from which reading would fetch it."""

Why = Literal["refused", "gone", "link", "busy", "large", "odd"]


class Fault(Exception):
    """One file or folder cannot be asked about; the session goes on."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of a file or folder besides its content; times count 100 ns since 1601."""

    number: int
    """Within its volume; given to another once it is deleted."""
    created: int
    written: int
    changed: int
    size: int
    attributes: int

    @property
    def id(self) -> str:
        """Return what it keeps through renames and does not leave to the next that gets its number."""
        return f"{self.number:016x}-{self.created:016x}"

    @property
    def revision(self) -> str:
        """Return what moves with its content, and with its rights."""
        return f"{self.written:x}-{self.changed:x}-{self.size:x}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds."""

    name: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Seen:
    """A file or folder as one handle showed it."""

    facts: Facts
    descriptor: bytes


def entries_in(pages: Iterable[bytes]) -> Iterator[Entry]:
    """Return what the parts of a listing hold; raises ValueError for one that is malformed or goes in circles."""
    names: set[str] = set()
    for page in pages:
        new = [one for one in _entries_of(page) if one.name not in names]
        if not new:
            raise ValueError("a listing that does not end")
        names.update(one.name for one in new)
        yield from new


def _entries_of(page: bytes) -> Iterator[Entry]:
    at = 0
    while True:
        step, _, created, _, written, changed, size, _, attributes, length = struct.unpack_from(
            "<IIQQQQQQII", page, at
        )
        (number,) = struct.unpack_from("<Q", page, at + 96)
        raw = page[at + 104 : at + 104 + length]
        if len(raw) < length or length % 2:
            raise ValueError("a name that is cut off")
        facts = Facts(number, created, written, changed, size, attributes)
        yield Entry(raw.decode("utf-16-le", "surrogatepass"), facts)
        if not step:
            return
        if step < 104:
            raise ValueError("a listing that goes backwards")
        at += step
