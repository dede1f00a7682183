"""Work that is done every few seconds while something else goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from muniment.foundation.errors import MunimentError
from muniment.foundation.telemetry.log_lines import Word

LEAVE_SECONDS = 5.0
"""How long the end of a block waits for work that is under way."""
_LOG = logging.getLogger("muniment.repeating")


@contextmanager
def repeated(name: str, seconds: float, work: Callable[[], object]) -> Generator[None]:
    """Do some work every so many seconds, in a thread of its own, while the block runs.

    What fails is tried again the next time. An error that is none of ours is told to the log, by its kind alone.
    """
    stop = threading.Event()

    def go() -> None:
        while not stop.wait(seconds):
            try:
                work()
            except MunimentError:
                continue
            except Exception as error:
                _LOG.warning("%s failed: %s", Word(name), Word(type(error).__name__))

    thread = threading.Thread(target=go, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LEAVE_SECONDS)
