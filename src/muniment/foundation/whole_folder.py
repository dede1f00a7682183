"""Folders that come into being whole or not at all, and lists of what lies in them.

Invariants:
- a folder is made under a hidden name, synced file by file, and renamed: nobody sees it half made;
- what a killed process left behind is told apart by its name and its lock, and removed by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path

from muniment.foundation.errors import Conflict, Tampered, Unavailable
from muniment.foundation.private_file import make_folder, sync_folder

_UNFINISHED = ".unfinished-"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file by its bytes."""

    path: str
    """Relative to the folder, with `/`."""
    bytes: int
    sha256: str


@contextmanager
def whole_folder(place: Path) -> Generator[Path]:
    """Give a new folder to fill, which stands at `place` when the block ends and nowhere when it raises.

    Raises Conflict where something lies at `place`, Unavailable where it cannot be written.
    """
    refuse_taken(place)
    try:
        make_folder(place.parent)
        _sweep(place)
        made = Path(tempfile.mkdtemp(prefix=_prefix(place), dir=place.parent))
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritten(place, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield made
        _sync(made)
        _rename(made, place)
    except OSError as error:
        raise _unwritten(place, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def refuse_taken(place: Path) -> None:
    """Raise Conflict where anything but an empty folder lies at `place`."""
    if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
        raise Conflict(
            f"{place} already exists.", fix="Name a folder that does not; nothing was overwritten."
        )


def copied(source: BufferedReader | BytesIO, target: Path, path: str) -> FileRecord:
    """Write the rest of an open file to a new one for its owner alone, synced; return what was written."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return FileRecord(path, size, digest.hexdigest())


def opened(folder: Path, path: str) -> BufferedReader:
    """Open a file of a folder; raises Tampered where it is absent or no plain file, such as a link."""
    try:
        handle = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Tampered(f"{path} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Tampered(f"{path} is no plain file.")
    return open(handle, "rb")


def recorded(folder: Path, path: str) -> FileRecord:
    """Return a file of a folder by its bytes as they are now; raises Tampered."""
    with opened(folder, path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            return FileRecord(path, size, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise Tampered(f"{path} cannot be read ({error.strerror}).") from error


def paths_in(folder: Path) -> list[str]:
    """Return everything below a folder that is not itself a folder, and empty folders, sorted."""
    found: list[str] = []
    for at, folders, files in os.walk(folder):
        below = Path(at).relative_to(folder)
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        found += [(below / name).as_posix() for name in [*files, *links]]
        if not folders and not files and at != str(folder):
            found.append(f"{below.as_posix()}/")
    return sorted(found)


def _prefix(place: Path) -> str:
    return f".{place.name}{_UNFINISHED}"


def _sweep(place: Path) -> None:
    """Remove what a process that is no more left unfinished."""
    for left in place.parent.glob(f"{_prefix(place)}*"):
        lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def _sync(folder: Path) -> None:
    for at, _, files in os.walk(folder, topdown=False):
        for name in files:
            handle = os.open(Path(at) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(at))


def _rename(made: Path, place: Path) -> None:
    refuse_taken(place)
    os.rename(made, place)
    sync_folder(place.parent)


def _unwritten(place: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{place} could not be written ({error.strerror}).",
        fix="Free some disk space or choose another place; nothing was left there.",
    )
