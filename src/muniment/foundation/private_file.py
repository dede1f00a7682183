"""Files that hold or guard keys: for their owner alone, whole or absent, synced."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from muniment.foundation.errors import Conflict, Unavailable


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, durably; raises Conflict when it exists, Unavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{path} already exists.", fix="Nothing was overwritten.") from error
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def read_private(path: Path) -> tuple[bytes, int]:
    """Return the content and mode of a file, read before or after any `replace_private` and never overwritten.

    Raises OSError, and FileNotFoundError where the file is removed meanwhile.
    """
    while True:
        with path.open("rb") as file:
            content = file.read()
            read, now = os.fstat(file.fileno()), path.stat()
        # The former file is overwritten only after another has its name, so under its name it was read whole.
        if (read.st_dev, read.st_ino) == (now.st_dev, now.st_ino):
            return content, read.st_mode


def replace_private(path: Path, content: bytes) -> None:
    """Put `content` in the place of a file: whoever opens it finds the old one whole or the new one whole.

    The old bytes are overwritten then, as far as the file system lets them be. Raises Unavailable; the old file
    then stays.
    """
    temporary = path.with_name(f"{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        write_private(temporary, content)
        before = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritten(path, error) from error
    try:
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritten(path, error) from error
    else:
        with suppress(OSError):
            _overwrite(before)
    finally:
        os.close(before)


def shred(path: Path) -> bool:
    """Overwrite and remove a file; return whether there was one. Raises Unavailable when it cannot be removed."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        with suppress(OSError):
            _overwrite(handle)
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        os.close(handle)
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _overwrite(handle: int) -> None:
    os.pwrite(handle, b"\x00" * os.fstat(handle).st_size, 0)
    os.fsync(handle)


def _unwritten(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path} could not be written ({error.strerror}).",
        fix="Free some disk space or mend the folder's permissions; nothing was kept of it.",
    )
