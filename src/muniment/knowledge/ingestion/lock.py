"""One process at a time may write segments of a workspace."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from muniment.foundation.errors import Conflict


@contextmanager
def only_one(lock_file: Path) -> Generator[None]:
    """Hold the workspace's lock; raises Conflict where another process or thread has it."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "Another ingest is running in this workspace.", fix="Wait for it to finish."
            ) from error
        yield
    finally:
        os.close(handle)
