"""Serves the first run, and then in its place what it made."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI

from muniment.foundation.errors import MunimentError
from muniment.interfaces.forwarded import Proxies
from muniment.interfaces.listening import Listening
from muniment.interfaces.server import create_server, host_names, uvicorn_of
from muniment.interfaces.setting_up.doorway import Doorway
from muniment.interfaces.setting_up.pages import HOSTS, Setup, setup_app

if TYPE_CHECKING:
    import uvicorn

    from muniment.interfaces.setting_up.first_run import FirstRun

SETUP_HOST = "127.0.0.1"


def first_run_server(first: FirstRun, port: int) -> tuple[uvicorn.Server, str]:
    """Return what serves the first run on this machine alone, and the secret of its link."""
    doorway = Doorway()

    def served() -> FastAPI:
        workspace = first.workspace

        def prepare() -> None:
            # What is wrong is told to whoever searches.
            with suppress(MunimentError):
                workspace.prepare()

        threading.Thread(target=prepare, name="prepare").start()
        return create_server(workspace, hosts=host_names(workspace) | HOSTS)

    setup = Setup(first, doorway, served)
    doorway.begin(setup_app(setup))
    lines = first.settings.telemetry.log == "json"
    return uvicorn_of(doorway, Listening(SETUP_HOST, None, Proxies()), port, lines=lines), setup.token
