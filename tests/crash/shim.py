"""What lets calls of the C library go wrong in one process, and writes down what it did (`shim.c`)."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class Fault(IntEnum):
    """How a call goes wrong."""

    NONE = 0
    KILL = 1
    """Half of a write is done, nothing else; the process ends."""
    EIO = 2
    """The call fails, and the ones after it do not."""
    ENOSPC = 3
    """Half of a write is done; from then on nothing finds room until the disk is mended."""


def build(folder: Path) -> Path | None:
    """Compile the shim; None where the machine has no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, SOURCE, "-ldl", "-lpthread"], check=True)
    return made


class Shim:
    """The shim that this process was started with."""

    def __init__(self) -> None:
        self._made = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._made.shim_points.restype = ctypes.c_long
        self._made.shim_fired.restype = ctypes.c_char_p

    def arm(self, folder: Path, fault: Fault = Fault.NONE, at: int = 0, record: Path | None = None) -> None:
        """Count the calls on files below a folder, let the `at`th go wrong, and write all of them to a file."""
        where = os.fsencode(folder.resolve())
        self._made.shim_arm(where, int(fault), ctypes.c_long(at), os.fsencode(record or ""))

    def mend(self) -> None:
        """Let nothing go wrong any more."""
        self._made.shim_mend()

    def say(self, words: str) -> None:
        """Write words between the calls of the record."""
        self._made.shim_say(words.encode())

    @property
    def points(self) -> int:
        """How many calls there were."""
        return int(self._made.shim_points())

    @property
    def fired(self) -> str:
        """Which call went wrong; empty where none did."""
        return str(self._made.shim_fired().decode())
