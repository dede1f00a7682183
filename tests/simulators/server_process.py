"""Runs the server of a system package on the loopback, and ends it for sure with all that it started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from tests import memory

MARK = "MUNIMENT_TEST_SERVER"
"""The variable by which processes are known again that left their parent and its group."""
_STARTS = 10.0
"""Seconds that a server may take to answer on a machine with much else to do."""


def needs(*programs: str, package: str) -> None:
    """Skip the test where it is not root, or a program is absent that a package of the system brings."""
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} is not installed (package {package})")
    if os.geteuid() != 0:
        pytest.skip("the server changes to the users of the test, which takes root")


@contextmanager
def place(name: str) -> Iterator[Path]:
    """Yield a temporary folder that the users of a server can pass through; pytest's own lets nobody in."""
    with tempfile.TemporaryDirectory(
        prefix=f"mt-{name}-", dir=memory.place(), ignore_cleanup_errors=True
    ) as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@contextmanager
def running(
    command: Sequence[str], folder: Path, address: tuple[str, int], environment: dict[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the block ends; at its beginning the address takes connections.

    It also ends when the tests are killed.
    """
    said = folder / "server.out"
    marked = {"PATH": os.environ["PATH"], MARK: str(folder), **(environment or {})}
    with said.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=marked,
            cwd=folder,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + _STARTS
        while not answers(address):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} does not start: {said.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield
    finally:
        _end(process, str(folder))


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    # Some servers write over what shows their environment; what others start is in time nobody's child.
    left: list[psutil.Process] = []
    with suppress(psutil.Error):
        left = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until = time.monotonic() + _STARTS
    while left := [*filter(_runs, left), *(one for one in psutil.process_iter() if _mark_of(one) == mark)]:
        assert time.monotonic() < until, f"still running: {left}"
        for one in left:
            with suppress(psutil.Error):
                one.kill()
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except psutil.Error:
        return None


def answers(address: tuple[str, int]) -> bool:
    """Return whether something takes connections there."""
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
