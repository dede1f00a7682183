"""Taking turns at the index: who writes it holds the lock of ingestion."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict
from muniment.knowledge import index_model

PATIENCE_SECONDS = 60.0
"""How long to wait while another model's index is built: that holds the lock for moments, again and again."""
_FIRST_WAIT, _LONGEST_WAIT = 0.01, 0.2


@contextmanager
def turn(
    database: Database, seconds: float | None = None, sleep: Callable[[float], None] = time.sleep
) -> Generator[None]:
    """Hold the lock of ingestion, waiting up to `seconds` for it (None: for as long as it takes).

    Raises Conflict where another holds it for longer.
    """
    with ExitStack() as held:
        waited, wait = 0.0, _FIRST_WAIT
        while True:
            try:
                held.enter_context(database.alone("ingest"))
                break
            except Conflict:
                if seconds is not None and waited >= seconds:
                    raise
            sleep(wait)
            waited, wait = waited + wait, min(2 * wait, _LONGEST_WAIT)
        yield


@contextmanager
def turn_beside_builds(database: Database) -> Generator[None]:
    """Hold the lock of ingestion; raises Conflict where another ingest runs."""
    with database.read() as connection:
        seconds = 0.0 if index_model.building(connection) is None else PATIENCE_SECONDS
    with turn(database, seconds):
        yield
