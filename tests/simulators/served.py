"""A workspace behind a real server on the loopback, for clients that bring their own network code."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from muniment.app import Workspace
from muniment.interfaces.listening import listening
from muniment.interfaces.server import server_of


@contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """Yield the address of a running server."""
    running = server_of(workspace, listening(workspace, "127.0.0.1"), 0)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()
