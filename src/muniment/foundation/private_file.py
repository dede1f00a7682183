"""Files that hold or guard keys: for their owner alone, whole or absent, synced."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from muniment.foundation.errors import Conflict, Unavailable

_UNFINISHED = ".unfinished"
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""How a file system says that it gives no file a second name."""


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, durably; raises Conflict when it exists, Unavailable."""
    if os.path.lexists(path):
        raise _taken(path)
    made = None
    try:
        make_folder(path.parent, 0o700)
        # Under its name it is whole: half a key, left by a process that was killed, would stand in everybody's way.
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _name(made, path)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        if made is not None:
            with suppress(OSError):
                os.unlink(made)
    try:
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


def _name(made: str, path: Path) -> None:
    """Give a file its name, which no other may have; raises FileExistsError."""
    try:
        os.link(made, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(path) from error
        os.rename(made, path)


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


def put_private(path: Path, content: bytes) -> None:
    """Make a file, or put `content` in the place of one that is no secret, whole and durably; raises Unavailable."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        write_private(temporary, content)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritten(path, error) from error


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


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder where there is none, and those above it, under names that last; raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=mode)
    try:
        sync_folder(folder.parent)
    except OSError:
        # Whoever tries again must not find it and take its name for one that lasts.
        with suppress(OSError):
            folder.rmdir()
        raise


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


def _taken(path: Path) -> Conflict:
    return Conflict(f"{path} already exists.", fix="Nothing was overwritten.")


def _unwritten(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path} could not be written ({error.strerror}).",
        fix="Free some disk space or mend the folder's permissions; nothing was kept of it.",
    )
