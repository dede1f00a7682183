"""Batches of the log as objects that are never changed: `FIRST-LAST.jsonl`, one entry a line."""

from __future__ import annotations

from collections.abc import Sequence

from muniment.governance.audit.sinks.sink import Batch, Copied


def batch_of(wait: float) -> Batch:
    """Return how much one object holds."""
    return Batch(10_000, 8 << 20, wait)


def object_name(entries: Sequence[Copied]) -> str:
    """Return the name of a batch; names sort as the log does."""
    return f"{entries[0].seq:020d}-{entries[-1].seq:020d}.jsonl"


def object_bytes(entries: Sequence[Copied]) -> bytes:
    """Return the bytes of a batch; all objects in order are the `entries.jsonl` of an export."""
    return b"".join(entry.body + b"\n" for entry in entries)
