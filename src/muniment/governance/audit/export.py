"""The log as files that anyone can check without muniment, its keys or its database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from muniment.foundation.errors import Conflict, Unavailable
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.tables import audit_checkpoint, audit_entry

ENTRIES, LEAVES, CHECKPOINTS, PUBLIC_KEY, VERIFIER = (
    "entries.jsonl",
    "leaves.txt",
    "checkpoints.txt",
    "public-key.txt",
    "verify.py",
)
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Export:
    """What was written."""

    folder: Path
    entries: int
    checkpoint: Checkpoint
    """The last one, which covers every entry: keep a copy elsewhere."""
    files: tuple[str, ...]


def write_export(connection: sa.Connection, folder: Path, upto: Checkpoint, public_key: str) -> Export:
    """Write entries, leaf hashes, checkpoints, public key and verifier up to a checkpoint."""
    files = (ENTRIES, LEAVES, CHECKPOINTS, PUBLIC_KEY, VERIFIER)
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise Conflict(
            f"{folder / taken[0]} already exists.", fix="Choose an empty folder; nothing was overwritten."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ENTRIES, "xb") as entries, open(folder / LEAVES, "x", newline="\n") as leaves:
            for body, leaf in _entries(connection, upto.size):
                entries.write(body + b"\n")
                leaves.write(leaf.hex() + "\n")
        texts = connection.execute(
            sa.select(audit_checkpoint.c.text)
            .where(audit_checkpoint.c.size <= upto.size)
            .order_by(audit_checkpoint.c.size)
        ).scalars()
        (folder / CHECKPOINTS).write_bytes("\n".join(texts).encode())
        (folder / PUBLIC_KEY).write_bytes(f"{public_key}\n".encode())
        (folder / VERIFIER).write_bytes(Path(__file__).with_name(VERIFIER).read_bytes())
    except OSError as error:
        raise Unavailable(
            f"The export to {folder} could not be written ({error.strerror}).",
            fix="Free some disk space or choose another folder.",
        ) from error
    return Export(folder, upto.size, upto, files)


def _entries(connection: sa.Connection, size: int) -> Iterator[tuple[bytes, bytes]]:
    for start in range(0, size, _ROWS_AT_ONCE):
        page = sa.select(audit_entry.c.body, audit_entry.c.leaf_hash).order_by(audit_entry.c.seq)
        end = min(size, start + _ROWS_AT_ONCE)
        for row in connection.execute(page.where(audit_entry.c.seq >= start, audit_entry.c.seq < end)):
            yield row.body, row.leaf_hash
