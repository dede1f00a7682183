"""A copy of the log in a folder, such as one on another disk or machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from muniment.governance.audit.sinks.objects import batch_of, object_bytes, object_name
from muniment.governance.audit.sinks.sink import Batch, Copied, Untaken


@dataclass(frozen=True, slots=True)
class FolderSink:
    """Writes each batch as a file that appears whole or not at all."""

    folder: Path
    wait: float

    @property
    def batch(self) -> Batch:
        """How much one file holds."""
        return batch_of(self.wait)

    def take(self, entries: Sequence[Copied]) -> None:
        """Write a file and sync it; raises Untaken."""
        path = self.folder / object_name(entries)
        fresh = path.with_suffix(".part")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(fresh, "wb") as file:
                file.write(object_bytes(entries))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            place = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(place)
            finally:
                os.close(place)
        except OSError as error:
            raise Untaken(f"not written: {error.strerror}") from error
