"""One of several processes that serve a home: it opens the home and proves its key by itself.

Invariants:
- it ends with its parent, whatever ends that: no longer than the grace for running requests goes by, and then none
  is left;
- its settings are those that its parent began with, so that one started later serves as the others do.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muniment.foundation.errors import MunimentError

if TYPE_CHECKING:
    import uvicorn

    from muniment.app import Workspace

_CHECK_SECONDS = 0.02
_BEYOND_GRACE = 3.0
"""Seconds after the grace for requests in which all else has to end."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told when it starts."""

    home: str
    tenant: str | None
    """The tenant of the home that is served alone."""
    host: str
    port: int
    several: bool
    """Whether the tenants of the home are served too."""
    settings: Mapping[str, object]
    of: int
    number: int = 0
    """From 1 on."""
    listener: int = -1
    """Descriptor of the socket that listens."""
    counts: int = -1
    """Descriptor of what is counted together towards limits."""
    numbers: int = -1
    """Descriptor of what is counted together for the metrics."""

    def text(self) -> bytes:
        """Return them as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"


class Line:
    """What connects a worker with its parent, until one of them ends."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        with self._socket.makefile("rb") as file:
            heard = file.readline()
        if not heard:
            # The parent has ended already.
            raise SystemExit(1)
        self.orders = Orders(**json.loads(heard))
        self._server: uvicorn.Server | None = None
        threading.Thread(target=self._follow, name="parent", daemon=True).start()

    def serve(self, server: uvicorn.Server) -> None:
        """Tell the parent once a server has started, and end it when the parent ends."""
        self._server = server

        def tell() -> None:
            while not server.started:
                time.sleep(_CHECK_SECONDS)
            self._tell({"serving": True})

        threading.Thread(target=tell, name="started", daemon=True).start()

    def failed(self, error: MunimentError) -> None:
        """Tell the parent why this worker cannot serve."""
        names = ("public", "fix", "code", "exit_code", "status")
        self._tell({name: getattr(error, name) for name in names})

    def _tell(self, what: Mapping[str, object]) -> None:
        try:
            self._socket.sendall(json.dumps(what).encode() + b"\n")
        except OSError:
            return

    def _follow(self) -> None:
        from muniment.interfaces.server import GRACE_SECONDS

        try:
            while self._socket.recv(64):
                pass
        except OSError:
            pass
        if self._server is not None:
            self._server.should_exit = True
            time.sleep(GRACE_SECONDS + _BEYOND_GRACE)
        os._exit(1)


class _Listening(socket.socket):
    """A socket that listens already, for several processes: how many may wait is not one's to change."""

    def listen(self, backlog: int = 0, /) -> None:
        """Change nothing."""


def work(line: Line, workspace: Workspace) -> None:
    """Serve an open workspace with the other workers, until told to end; closes it."""
    from muniment.foundation.shared_counts import SharedCounts
    from muniment.foundation.telemetry.instruments import KNOWN
    from muniment.foundation.telemetry.numbers import Numbers
    from muniment.interfaces.crew import Crew
    from muniment.interfaces.listening import listening
    from muniment.interfaces.server import create_server, run, server_of
    from muniment.interfaces.tenants import TenantServer

    orders = line.orders
    try:
        workspace.require_identity()
        where = listening(workspace, orders.host)
        KNOWN.count_in(Numbers(orders.numbers, orders.of, orders.number - 1))
        crew = Crew(orders.of, SharedCounts(orders.counts, orders.of, orders.number - 1), orders.number)
        application: Any = (
            TenantServer(workspace, where.proxies, crew=crew)
            if orders.several
            else create_server(workspace, proxies=where.proxies, crew=crew)
        )
        # One connection at a time: the others that wait are for whoever has less to do.
        made = server_of(workspace, where, orders.port, application, backlog=1)
        line.serve(made)
        run(workspace, where, made, _Listening(fileno=orders.listener))
    finally:
        workspace.close()


def opened(orders: Orders) -> Workspace:
    """Open the workspace that the orders name; raises as `app.open`."""
    from muniment import app
    from muniment import settings as settings_file
    from muniment.tenancy import places

    home, settings = Path(orders.home), settings_file.parse(orders.settings)
    if orders.tenant is None:
        return app.open(home, settings=settings, worker=orders.number)
    return places.opened(home, orders.tenant, settings=settings, worker=orders.number)
