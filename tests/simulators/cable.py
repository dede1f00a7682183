"""A cable between a browser and a server that can be pulled: each end finds out what a broken network tells it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_RESET = b"\x01\0\0\0\0\0\0\0"


@dataclass
class Cable:
    """Carries bytes both ways until it is pulled."""

    server: tuple[str, int]
    url: str = ""
    plugged: threading.Event = field(default_factory=threading.Event)
    _ends: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    _untold: set[socket.socket] = field(default_factory=set)

    def pull(self, *, noticed: bool) -> None:
        """Break all connections, and refuse new ones; the server learns of it only where it is `noticed`."""
        self.plugged.clear()
        for browser, server in self._ends:
            if noticed:
                _broken(server)
            else:
                self._untold.add(server)
            _broken(browser)
        self._ends.clear()

    def plug(self) -> None:
        """Carry new connections again."""
        self.plugged.set()

    def carry(self, browser: socket.socket) -> None:
        """Connect a browser with the server; reset it while the cable is pulled."""
        if not self.plugged.is_set():
            return _broken(browser)
        server = socket.create_connection(self.server)
        ends = (browser, server)
        self._ends.append(ends)
        for source, sink in (ends, ends[::-1]):
            threading.Thread(target=self._copy, args=[source, sink], daemon=True).start()
        return None

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        # What the server still says after the cable was pulled is read, and lost.
        with suppress(OSError):
            while content := source.recv(65_536):
                with suppress(OSError):
                    sink.sendall(content)
        if sink not in self._untold:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def laid_to(url: str) -> Iterator[Cable]:
    """Yield a cable to a server."""
    place = urlsplit(url)
    cable = Cable((str(place.hostname), int(place.port or 80)))
    cable.plug()
    listener = socket.create_server(("127.0.0.1", 0))
    cable.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        with suppress(OSError):
            while True:
                cable.carry(listener.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield cable
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        cable.pull(noticed=True)


def _broken(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)
        end.close()
