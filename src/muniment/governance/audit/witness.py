"""What a witness does, whoever runs it: it co-signs only a log that grew out of what it last saw.

Small on purpose, so that it can be read in one go: a folder and another muniment both rest on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.governance.audit.checkpoint import Checkpoint, signed_by
from muniment.governance.audit.merkle import consistent

LONGEST_PATH = 63
"""Hashes of a consistency path."""


class Forked(Conflict):
    """The log is not the one that was seen before: something that it held was changed."""

    code = "log-forked"
    final = True


class RolledBack(Conflict):
    """The log is shorter than it was: entries are missing."""

    code = "log-rolled-back"
    final = True


class SeenOther(Conflict):
    """The path begins at another size than the one that was last seen."""

    code = "log-seen-other"


@dataclass(frozen=True, slots=True)
class Seen:
    """A tree that a witness holds on to."""

    size: int
    root: bytes


NOTHING = Seen(0, b"")


class Witness(Protocol):
    """Somebody outside who holds checkpoints of this log."""

    @property
    def signs(self) -> bool:
        """Whether it co-signs what it takes."""
        ...

    def check(self) -> None:
        """Raise unless it can be a witness."""
        ...

    def public_key(self) -> str:
        """Return the line of the key that it signs with; empty where it does not."""
        ...

    def last(self, known: Seen) -> Seen:
        """Return the largest tree that it saw; it may look only at what came after the `known` one."""
        ...

    def history(self) -> list[Seen]:
        """Return every tree that it holds, the smallest first."""
        ...

    def add(self, checkpoint: Checkpoint, seen: Seen, path: Sequence[bytes]) -> str:
        """Bring a checkpoint with the consistency path from `seen`; return it as it comes back."""
        ...


def check_growth(seen: Seen, new: Checkpoint, path: Sequence[bytes]) -> None:
    """Raise Forked or RolledBack unless a checkpoint's tree grew out of `seen`."""
    if new.size < seen.size:
        raise RolledBack(
            f"The log of {new.origin} holds {new.size} entries, and held {seen.size} when it was last seen.",
            fix="Entries are missing: keep all that there is, and call your auditor.",
        )
    if seen.size == 0:
        whole = not path
    elif seen.size == new.size:
        whole = not path and seen.root == new.root
    else:
        whole = consistent(seen.size, seen.root, new.size, new.root, path)
    if not whole:
        raise Forked(
            f"The log of {new.origin} is not the one whose first {seen.size} entries were seen before.",
            fix="It was rewritten: keep all that there is, and call your auditor.",
        )


def judge(
    seen: Seen, old_size: int, path: Sequence[bytes], new: Checkpoint, log_key: Ed25519PublicKey
) -> None:
    """Raise unless a witness that saw `seen` may co-sign a checkpoint."""
    if not signed_by(new, log_key):
        raise Denied("The checkpoint is not signed by the key that is known for this log.")
    if new.size < seen.size:
        check_growth(seen, new, ())
    if not 0 <= old_size <= new.size or len(path) > LONGEST_PATH:
        raise BadInput("The path does not lead to the checkpoint.", fix="Send one from the size last seen.")
    if old_size != seen.size:
        raise SeenOther(f"The log was last seen at size {seen.size}.", fix="Send a path from that size.")
    check_growth(seen, new, path)
