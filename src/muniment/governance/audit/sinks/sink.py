"""What a place that gets a copy of the log is given, and how it says no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Copied:
    """An entry as it is copied: what was hashed, byte for byte."""

    seq: int
    at: str
    """RFC 3339, UTC."""
    kind: str
    body: bytes
    """RFC 8785 JSON."""


class Untaken(Exception):
    """The entries were not taken: the text says by what kind of failure, and no more."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How many entries a place takes at once."""

    entries: int
    size: int
    """Bytes of their bodies; one that is larger goes alone."""
    wait: float = 0.0
    """Seconds that fewer entries are held back for, so that they become one object."""


class Sink(Protocol):
    """A place outside the database."""

    @property
    def batch(self) -> Batch:
        """How much it takes at once."""
        ...

    def take(self, entries: Sequence[Copied]) -> None:
        """Keep entries, in order; durable, as far as the place says so, when it returns.

        Entries that it took may be given again, since the answer can be lost: `seq` tells. Raises Untaken.
        """
        ...
