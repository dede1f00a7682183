"""Immutable encrypted files of arrays.

Invariants:
- a segment is written to a temporary name, synced, renamed, and its folder synced: it is whole or absent;
- it opens only under its own name, tenant and kind (bound into the seal);
- plaintext never reaches the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from muniment.foundation.errors import Tampered, Unavailable
from muniment.foundation.keys import Keyring

Arrays = Mapping[str, "np.ndarray[Any, np.dtype[Any]]"]


class Segments:
    """The folder of a tenant's segments."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self.folder = folder
        self._keyring = keyring

    def write(self, name: str, kind: str, arrays: Arrays) -> str:
        """Store `arrays` under `name`; return its file's `sha256:`. Raises Unavailable on a full disk."""
        sealed = self._keyring.seal("segments", {"segment": name, "kind": kind}, _pack(arrays))
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.folder / f"{name}.partial"
        try:
            with open(temporary, "wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path(name))
            _sync_folder(self.folder)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise Unavailable(
                f"The index segment could not be written ({error.strerror}).",
                fix="Free some disk space and run again.",
            ) from error
        return "sha256:" + hashlib.sha256(sealed).hexdigest()

    def read(self, name: str, kind: str, expected: str) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """Return the arrays; raises Tampered unless the file's digest is `expected` and it opens."""
        try:
            sealed = self.path(name).read_bytes()
        except OSError as error:
            raise Tampered(f"Index segment {name} is missing.", fix="Run `muniment ingest` again.") from error
        if "sha256:" + hashlib.sha256(sealed).hexdigest() != expected:
            raise Tampered(
                f"Index segment {name} was altered.", fix="Restore it from a backup or ingest again."
            )
        return _unpack(self._keyring.unseal("segments", {"segment": name, "kind": kind}, sealed))

    def path(self, name: str) -> Path:
        """Return the file of a segment."""
        return self.folder / f"{name}.segment"

    def names(self) -> list[str]:
        """Return the names of all whole segments on disk, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.segment"))

    def sweep(self, kept: Collection[str]) -> None:
        """Remove all whole segments but those `kept`, and all half-written ones; only while nobody writes."""
        for path in self.folder.glob("*.segment"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)
        for path in self.folder.glob("*.partial"):
            path.unlink(missing_ok=True)


def _pack(arrays: Arrays) -> bytes:
    header: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for name, array in arrays.items():
        part = np.ascontiguousarray(array)
        header.append(
            {"name": name, "type": part.dtype.str, "shape": list(array.shape), "bytes": part.nbytes}
        )
        parts.append(part.tobytes())
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "big") + head + b"".join(parts)


def _unpack(packed: bytes) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    size = int.from_bytes(packed[:8], "big")
    header = json.loads(packed[8 : 8 + size])
    arrays: dict[str, np.ndarray[Any, np.dtype[Any]]] = {}
    start = 8 + size
    for entry in header:
        kind = np.dtype(entry["type"])
        if kind.hasobject:
            raise Tampered("An index segment holds an array of objects.")
        count = int(np.prod(entry["shape"], dtype=np.int64))
        arrays[entry["name"]] = np.frombuffer(packed, kind, count, start).reshape(entry["shape"])
        start += entry["bytes"]
    return arrays


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
