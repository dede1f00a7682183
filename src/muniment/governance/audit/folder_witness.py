"""A folder elsewhere as a witness: it holds a key, the last checkpoint that it co-signed, and every root that it saw.

Files: `witness.key` (private, for its owner alone), `witness.pub`, `log.pub` (the one log that it watches),
`checkpoint` (the last one, co-signed) and `history.txt` (size, root and time of each, one a line).
Invariant: the new checkpoint is durable in the folder before its cosignature is given away.
"""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.errors import Conflict, NotSetUp, Tampered, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.private_file import sync_folder, write_private
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.cosignature import COSIGNATURE, VerifierKey, cosign, read_key
from muniment.governance.audit.witness import NOTHING, Seen, judge

_KEY, _PUBLIC, _LOG, _LAST, _HISTORY = "witness.key", "witness.pub", "log.pub", "checkpoint", "history.txt"


def make(folder: Path, name: str, log_key: str, ids: Ids) -> str:
    """Make a witness of a log in a folder; return its public key. Raises Conflict where one is."""
    key = Ed25519PrivateKey.from_private_bytes(ids.random_bytes(32))
    public = VerifierKey(name, COSIGNATURE, key.public_key()).line
    write_private(folder / _KEY, base64.b64encode(key.private_bytes_raw()) + b"\n")
    for file, text in ((_LOG, log_key), (_PUBLIC, public)):
        (folder / file).unlink(missing_ok=True)
        write_private(folder / file, f"{text}\n".encode())
    return public


class FolderWitness:
    """Fills `Witness` with a folder."""

    signs = True

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def check(self) -> None:
        """Raise NotSetUp where there is no witness in the folder."""
        self.public_key()

    def public_key(self) -> str:
        """Return the line of its key; raises NotSetUp where there is no witness in the folder."""
        return self._text(_PUBLIC).strip()

    def last(self, known: Seen) -> Seen:
        """Return the tree of its last checkpoint."""
        with self._turn():
            return self._last()

    def history(self) -> list[Seen]:
        """Return every tree that it saw."""
        if not (self._folder / _HISTORY).exists():
            return []
        # A line without an end was cut off by a crash, before its cosignature was given away.
        lines = self._text(_HISTORY).split("\n")[:-1]
        try:
            parts = [line.split(" ") for line in lines]
            return [Seen(int(size), base64.b64decode(root, validate=True)) for size, root, _ in parts]
        except ValueError as error:
            raise self._damaged(_HISTORY) from error

    def add(self, checkpoint: Checkpoint, seen: Seen, path: Sequence[bytes]) -> str:
        """Co-sign a checkpoint that grew out of the last one; raises Forked, RolledBack or SeenOther."""
        with self._turn():
            judge(self._last(), seen.size, path, checkpoint, read_key(self._text(_LOG)).key)
            try:
                key = Ed25519PrivateKey.from_private_bytes(
                    base64.b64decode(self._text(_KEY).strip(), validate=True)
                )
            except ValueError as error:
                raise self._damaged(_KEY) from error
            now = self._clock.now()
            signed = checkpoint.text + cosign(checkpoint, read_key(self.public_key()).name, key, now)
            line = f"{checkpoint.size} {base64.b64encode(checkpoint.root).decode()} {timestamp(now)}\n"
            try:
                self._add_line(line.encode())
                self._replace(_LAST, signed.encode())
            except OSError as error:
                raise self._unusable(error) from error
            return signed

    def _last(self) -> Seen:
        if not (self._folder / _LAST).exists():
            self.public_key()
            return NOTHING
        found = notes.parse(self._text(_LAST), cosigned=True)
        return Seen(found.size, found.root)

    @contextmanager
    def _turn(self) -> Generator[None]:
        """Let one at a time look and change, whatever process it is in."""
        try:
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise Conflict(f"Another process uses {self._folder} now.", fix="Try again.") from error
        finally:
            os.close(handle)

    def _add_line(self, line: bytes) -> None:
        with open(self._folder / _HISTORY, "ab+") as file:
            end = file.seek(0, os.SEEK_END)
            start = max(0, end - 4096)
            file.seek(start)
            whole = start + file.read().rfind(b"\n") + 1
            file.truncate(whole)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _replace(self, name: str, content: bytes) -> None:
        new = self._folder / f"{name}.new"
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / name)
        sync_folder(self._folder)

    def _text(self, name: str) -> str:
        try:
            return (self._folder / name).read_text("utf-8")
        except FileNotFoundError as error:
            raise NotSetUp(
                f"There is no witness in {self._folder}.", fix="Run `muniment audit witness add NAME`."
            ) from error
        except UnicodeDecodeError as error:
            raise self._damaged(name) from error
        except OSError as error:
            raise self._unusable(error) from error

    def _damaged(self, name: str) -> Tampered:
        return Tampered(
            f"{self._folder / name} is not what a witness writes.", fix="Find out who changed it; keep it."
        )

    def _unusable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"The witness in {self._folder} cannot be used now ({error.strerror}).",
            fix="See that it is mounted and may be written.",
        )
