"""The door to git: runs the system's command on repositories that others made.

Invariants:
- git reads no configuration but ours: its own folder is one that we made, and of a repository that lies on this
  machine only the objects are looked at, so that no hook, filter, helper or alias of it is ever run;
- nothing is checked out; no protocol is spoken but those that are named; nobody is asked for a password;
- the environment is empty, what git says is bounded, and so are its time, memory and what it writes.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from muniment.foundation.errors import MunimentError, NotSetUp

_PATH = "/usr/local/bin:/usr/bin:/bin"
_MEMORY_BYTES = 4 << 30
_STDERR_BYTES = 8192
_PIECE = 1 << 16
_LOOKS_SECONDS = 0.5
_CONFIG: Mapping[str, str] = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.alternateRefsCommand": "true",
    "core.packedGitLimit": "512m",
    "core.deltaBaseCacheLimit": "64m",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.proxy": "",
    "log.mailmap": "false",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "submodule.recurse": "false",
}


class GitFailed(MunimentError):
    """Git did not do what it was asked; the detail is what it said."""

    code = "git-failed"


class OutOfBounds(GitFailed):
    """Git took too long, said too much, or wrote too much."""


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git with a folder of ours as its repository."""

    folder: Path
    """Where `skeleton` was made."""
    objects: Path | None = None
    """Where objects are read, instead of those of the folder."""
    protocols: str = "none"
    """Those that it may speak, joined by colons."""
    config: Mapping[str, str] = field(default_factory=dict[str, str])

    def ask(
        self, *arguments: str, seconds: float = 60.0, most_bytes: int = 256 << 20, most_written: int = 0
    ) -> bytes:
        """Return what git prints; raises GitFailed, OutOfBounds, and NotSetUp where git is not installed."""
        process = self.start(*arguments)
        try:
            if most_written:
                # No file alone may pass the bound, however fast it grows between two looks.
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most_written, most_written))
            said, errors = _heard(process, seconds, most_bytes, self.folder, most_written)
            if most_written and _size(self.folder) >= most_written:
                raise OutOfBounds("Git wrote too much.")
            if process.wait(max(1.0, seconds)):
                raise GitFailed("Git failed.", detail=errors.decode("utf-8", "replace"))
            return said
        except subprocess.TimeoutExpired as error:
            raise OutOfBounds("Git took too long.") from error
        finally:
            end(process)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start git, to be ended by `end`."""
        program = shutil.which("git", path=_PATH)
        if program is None:
            raise NotSetUp("Git is not installed.", fix="Install the system's package git.")
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [program, *arguments],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self._environment(),
            cwd=self.folder,
            start_new_session=True,
        )
        for what, limit in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
            resource.prlimit(process.pid, what, (limit, limit))
        return process

    def _environment(self) -> dict[str, str]:
        told = {
            "PATH": _PATH,
            "HOME": str(self.folder),
            "LC_ALL": "C",
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GIT_ALLOW_PROTOCOL": self.protocols,
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }
        if self.objects is not None:
            told["GIT_OBJECT_DIRECTORY"] = str(self.objects)
        # Not as arguments: those are shown to every user of the machine.
        config = {**_CONFIG, **self.config}
        told["GIT_CONFIG_COUNT"] = str(len(config))
        for at, (key, value) in enumerate(config.items()):
            told[f"GIT_CONFIG_KEY_{at}"], told[f"GIT_CONFIG_VALUE_{at}"] = key, value
        return told


def skeleton(folder: Path, sha256: bool = False) -> None:
    """Make an empty repository in an empty folder, without running git."""
    for name in ("objects", "refs"):
        (folder / name).mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    told = "[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""
    (folder / "config").write_text(
        f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = true\n{told}"
    )


class Blobs:
    """Reads objects one after the other from one process."""

    def __init__(self, git: Git, seconds: float = 60.0) -> None:
        self._git = git
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """Return what a blob holds, None where there is none; raises OutOfBounds, GitFailed."""
        if not name.isalnum():
            raise GitFailed("That names no object.")
        process = self._process = self._process or self._git.start("cat-file", "--batch")
        assert process.stdin is not None
        until = time.monotonic() + self._seconds
        try:
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            while b"\n" not in self._held:
                self._hear(process, until)
            head, _, self._held = self._held.partition(b"\n")
            parts = head.split()
            if parts[-1:] == [b"missing"]:
                return None
            if len(parts) != 3 or parts[1] != b"blob" or not parts[2].isdigit():
                raise GitFailed("Git said what is not understood.")
            size = int(parts[2])
            if size > most_bytes:
                raise OutOfBounds(f"More than {most_bytes:,} bytes.")
            pieces, got = [self._held], len(self._held)
            while got < size + 1:
                self._held = b""
                self._hear(process, until)
                pieces.append(self._held)
                got += len(self._held)
            whole = b"".join(pieces)
            self._held = whole[size + 1 :]
            return whole[:size]
        except OSError as error:
            self.close()
            raise GitFailed("Git ended.") from error
        except GitFailed:
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            end(self._process)
        self._process, self._held = None, b""

    def _hear(self, process: subprocess.Popen[bytes], until: float) -> None:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise OutOfBounds("Git took too long.")
        part = os.read(process.stdout.fileno(), _PIECE)
        if not part:
            raise GitFailed("Git ended.")
        self._held += part


def end(process: subprocess.Popen[bytes]) -> None:
    """End git with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _heard(
    process: subprocess.Popen[bytes], seconds: float, most_bytes: int, folder: Path, most_written: int
) -> tuple[bytes, bytes]:
    """Return all that git prints, and the beginning of what it complains about."""
    assert process.stdin and process.stdout and process.stderr
    process.stdin.close()
    until = time.monotonic() + seconds
    said: list[bytes] = []
    errors, length = b"", 0
    open_: Sequence[object] = [process.stdout, process.stderr]
    while open_:
        if time.monotonic() > until:
            raise OutOfBounds("Git took too long.")
        if most_written and _size(folder) > most_written:
            raise OutOfBounds("Git wrote too much.")
        for stream in select.select(open_, [], [], _LOOKS_SECONDS)[0]:
            part = os.read(stream.fileno(), _PIECE)
            if not part:
                open_ = [one for one in open_ if one is not stream]
            elif stream is process.stderr:
                errors = (errors + part)[:_STDERR_BYTES]
            else:
                said.append(part)
                length += len(part)
        if length > most_bytes:
            raise OutOfBounds("Git said too much.")
    return b"".join(said), errors


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total
