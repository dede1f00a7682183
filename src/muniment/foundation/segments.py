"""Immutable encrypted files of arrays, some of them readable row by row.

Invariants:
- a segment is written to a temporary name, synced, renamed, and its folder synced: it is whole or absent;
- it opens only under its own name, tenant and kind, and only with the head that the manifest names;
- every piece is sealed under the segment's own key (AES-256-GCM) at its own place, so no piece can be altered,
  moved, or taken from another segment unseen;
- plaintext never reaches the disk;
- a file that was put in quarantine is kept and never opened again.

A file is a magic word, the length of the head, the head (JSON: salt, arrays, where their pieces lie), then the
pieces. An array is cut into pieces of 16 MiB; one that is kept by row has one piece a row.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from muniment.foundation.errors import Tampered, Unavailable
from muniment.foundation.keys import Keyring
from muniment.foundation.private_file import make_folder, sync_folder

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

MAGIC = b"muniment:segment:AES-256-GCM:2\x00"
_TAG = 16
_PIECE = 1 << 24
_LONGEST_HEAD = 1 << 20
_MEND = "Run `muniment index repair`."


class DamagedRows(Tampered):
    """Rows that were read one by one and are not what was written."""

    def __init__(self, segment: str, rows: Sequence[int]) -> None:
        super().__init__(f"Index segment {segment} was altered in {len(rows)} rows.", fix=_MEND)
        self.segment = segment
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Rows:
    """A matrix to be kept row by row, handed over in blocks of rows."""

    rows: int
    columns: int
    kind: str
    """Element type, as `numpy.dtype.str` spells it."""
    blocks: Iterable[Array]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an array lies: bytes of the file from `offset`, in sealed pieces of `piece` plain bytes each."""

    number: int
    kind: np.dtype[Any]
    shape: tuple[int, ...]
    piece: int
    offset: int
    by_row: bool

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.kind.itemsize

    @property
    def pieces(self) -> int:
        return -(-self.bytes // self.piece) if self.bytes else 0

    @property
    def end(self) -> int:
        return self.offset + self.bytes + self.pieces * _TAG


class SegmentFile:
    """An open segment, owner of its handle; safe to share between threads."""

    def __init__(
        self,
        name: str,
        handle: int,
        key: bytes,
        places: Mapping[str, _Place],
        only: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self._handle = handle
        self._cipher = AESGCM(key)
        self._places = places
        self._closing = threading.Lock()
        self._closed = False
        self.arrays = {
            label: self._whole(place)
            for label, place in places.items()
            if not place.by_row and (only is None or label in only)
        }
        """The arrays that are not kept by row: all, or those that were asked for."""

    def rows(self, label: str, wanted: npt.NDArray[np.int64], out: Array | None = None) -> Array:
        """Return these rows of an array kept by row, in their order; raises DamagedRows naming every altered one.

        They are written to `out` where it is given: contiguous, of the shape and type of the result.
        """
        place = self._places[label]
        numbers = wanted.tolist()
        if numbers and (min(numbers) < 0 or max(numbers) >= place.shape[0]):
            raise IndexError(f"rows {min(numbers)} to {max(numbers)} of {place.shape[0]}")
        made = np.empty((len(wanted), *place.shape[1:]), place.kind) if out is None else out
        size, sealed = place.piece, place.piece + _TAG
        array = place.number.to_bytes(4, "big")
        pread, decrypt, handle, offset = os.pread, self._cipher.decrypt_into, self._handle, place.offset
        plain = made.reshape(-1).view(np.uint8).data
        damaged: list[int] = []
        for at, row in enumerate(numbers):
            try:
                nonce = array + row.to_bytes(8, "big")
                opened = plain[at * size : (at + 1) * size]
                decrypt(nonce, pread(handle, sealed, offset + row * sealed), MAGIC, opened)
            except (InvalidTag, ValueError, OSError):
                damaged.append(row)
        if damaged:
            raise DamagedRows(self.name, damaged)
        return made

    def has(self, label: str) -> bool:
        """Return whether an array of this name is kept by row."""
        return label in self._places and self._places[label].by_row

    def check(self) -> None:
        """Read every row once; raises Tampered for the first that was altered."""
        for place in self._places.values():
            if place.by_row:
                out = memoryview(bytearray(place.piece))
                for number in range(place.pieces):
                    self._open(place, number, out)

    def close(self) -> None:
        """Give the file back; what was read stays."""
        with self._closing:
            if not self._closed:
                self._closed = True
                os.close(self._handle)

    def __del__(self) -> None:
        self.close()

    def _whole(self, place: _Place) -> Array:
        flat = np.empty(place.bytes, np.uint8)
        for number in range(place.pieces):
            start = number * place.piece
            self._open(place, number, flat[start : start + place.piece].data)
        made = (
            flat.view(place.kind).reshape(place.shape) if place.bytes else np.empty(place.shape, place.kind)
        )
        made.flags.writeable = False
        return made

    def _open(self, place: _Place, number: int, out: memoryview) -> None:
        """Decrypt a piece into `out`, which has its size; raises Tampered."""
        try:
            at = place.offset + number * (place.piece + _TAG)
            sealed = os.pread(self._handle, len(out) + _TAG, at)
            self._cipher.decrypt_into(_nonce(place.number, number), sealed, MAGIC, out)
        except (InvalidTag, ValueError, OSError) as error:
            raise _altered(self.name) from error


class Segments:
    """The folder of a tenant's segments."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self.folder = folder
        self.quarantined = folder.with_name("quarantine")
        """Where damaged files are kept."""
        self._keyring = keyring

    def write(self, name: str, kind: str, arrays: Arrays, by_row: Mapping[str, Rows] | None = None) -> str:
        """Store `arrays` under `name`; return the digest of its head. Raises Unavailable on a full disk."""
        salt = self._keyring.salt()
        places = _lay(arrays, by_row or {})
        head = _head(salt, places)
        cipher = AESGCM(self._keyring.object_key("segments", salt, {"segment": name, "kind": kind}))
        temporary = self.folder / f"{name}.partial"
        try:
            make_folder(self.folder, 0o700)
            with open(temporary, "wb") as file:
                file.write(head)
                for label, array in arrays.items():
                    _write(file, cipher, places[label], _pieces(array))
                for label, rows in (by_row or {}).items():
                    _write(file, cipher, places[label], _row_bytes(rows))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path(name))
            sync_folder(self.folder)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise Unavailable(
                f"The index segment could not be written ({error.strerror}).",
                fix="Free some disk space and run again.",
            ) from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return "sha256:" + hashlib.sha256(head).hexdigest()

    def open(self, name: str, kind: str, expected: str, only: Collection[str] | None = None) -> SegmentFile:
        """Return the segment, with `only` these of its arrays read.

        Raises Tampered unless its head has the digest `expected` and its arrays open, Unavailable when this process
        may not open it now.
        """
        try:
            handle = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Tampered(f"Index segment {name} is missing.", fix=_MEND) from error
        except OSError as error:
            raise Unavailable(
                f"Index segment {name} cannot be opened ({error.strerror}).",
                fix="Mend its permissions, or raise the limit on open files.",
            ) from error
        try:
            head = _read_head(handle, name)
            if "sha256:" + hashlib.sha256(head).hexdigest() != expected:
                raise _altered(name)
            salt, places = _parse_head(head)
            if os.fstat(handle).st_size != max((p.end for p in places.values()), default=len(head)):
                raise _altered(name)
            key = self._keyring.object_key("segments", salt, {"segment": name, "kind": kind})
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError):
                raise _altered(name) from error
            raise
        return SegmentFile(name, handle, key, places, only)

    def path(self, name: str) -> Path:
        """Return the file of a segment."""
        return self.folder / f"{name}.segment"

    def names(self) -> list[str]:
        """Return the names of all whole segments on disk, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.segment"))

    def sweep(self, kept: Collection[str]) -> None:
        """Remove all whole segments but those `kept`, and all half-written ones; only while nobody writes.

        Raises Unavailable where one cannot be removed.
        """
        gone = list(self.folder.glob("*.partial"))
        for ending in ("segment", "doubt"):
            gone += [path for path in self.folder.glob(f"*.{ending}") if path.stem not in kept]
        for path in gone:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise Unavailable(
                    f"{path} is not needed any more and cannot be removed ({error.strerror}).",
                    fix="Mend the folder's permissions and run again.",
                ) from error

    def stamp(self, name: str) -> tuple[int, ...] | None:
        """Return what changes when the file of a segment is written or replaced; None where there is none."""
        try:
            found = os.stat(self.path(name))
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def doubt(self, name: str) -> None:
        """Leave word for upkeep that a reader found this segment damaged; without space, leave none."""
        with suppress(OSError):
            self._doubt(name).touch(0o600)

    def trust(self, name: str) -> None:
        """Take back what `doubt` left."""
        self._doubt(name).unlink(missing_ok=True)

    def doubted(self) -> set[str]:
        """Return the segments that readers found damaged."""
        return {path.stem for path in self.folder.glob("*.doubt")}

    def quarantine(self, name: str) -> Path | None:
        """Move the file of a segment out of reach and return where it is kept; None where there is none.

        Raises Unavailable where it cannot be moved.
        """
        number = 0
        while (kept := self.quarantined / f"{name}{f'-{number}' if number else ''}.segment").exists():
            number += 1
        try:
            make_folder(self.quarantined, 0o700)
            self.trust(name)
            os.replace(self.path(name), kept)
            sync_folder(self.quarantined)
            sync_folder(self.folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(
                f"Index segment {name} is damaged and cannot be moved away ({error.strerror}).",
                fix="Free some disk space or mend the folder's permissions, then run `muniment index repair`.",
            ) from error
        return kept

    def _doubt(self, name: str) -> Path:
        return self.folder / f"{name}.doubt"


def _altered(name: str) -> Tampered:
    return Tampered(f"Index segment {name} was altered.", fix=_MEND)


def _nonce(array: int, piece: int) -> bytes:
    return array.to_bytes(4, "big") + piece.to_bytes(8, "big")


def _lay(arrays: Arrays, by_row: Mapping[str, Rows]) -> dict[str, _Place]:
    """Return how all arrays are cut, in their order in the file; where they begin shows when the head is known."""
    places: dict[str, _Place] = {}
    for label, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {label!r} holds objects")
        places[label] = _Place(len(places), array.dtype, array.shape, _PIECE, 0, False)
    for label, rows in by_row.items():
        kind = np.dtype(rows.kind)
        piece = rows.columns * kind.itemsize or 1
        places[label] = _Place(len(places), kind, (rows.rows, rows.columns), piece, 0, True)
    return places


def _head(salt: bytes, places: Mapping[str, _Place]) -> bytes:
    stated = [
        {
            "name": label,
            "type": place.kind.str,
            "shape": list(place.shape),
            "piece": place.piece,
            "by_row": place.by_row,
        }
        for label, place in places.items()
    ]
    body = json.dumps({"salt": salt.hex(), "arrays": stated}).encode()
    return MAGIC + len(body).to_bytes(4, "big") + body


def _read_head(handle: int, name: str) -> bytes:
    start = os.pread(handle, len(MAGIC) + 4, 0)
    size = int.from_bytes(start[len(MAGIC) :], "big")
    if not start.startswith(MAGIC) or not 0 < size <= _LONGEST_HEAD:
        raise _altered(name)
    return os.pread(handle, len(start) + size, 0)


def _parse_head(head: bytes) -> tuple[bytes, dict[str, _Place]]:
    """Return salt and places of a head whose digest was found right."""
    stated = json.loads(head[len(MAGIC) + 4 :])
    places: dict[str, _Place] = {}
    offset = len(head)
    for entry in stated["arrays"]:
        kind = np.dtype(entry["type"])
        place = _Place(len(places), kind, tuple(entry["shape"]), entry["piece"], offset, entry["by_row"])
        places[entry["name"]] = place
        offset = place.end
    return bytes.fromhex(stated["salt"]), places


def _write(file: BinaryIO, cipher: AESGCM, place: _Place, pieces: Iterator[memoryview]) -> None:
    written = 0
    for number, piece in enumerate(pieces):
        file.write(cipher.encrypt(_nonce(place.number, number), piece, MAGIC))
        written += len(piece)
    if written != place.bytes:
        raise ValueError(f"an array of {place.bytes} bytes came with {written}")


def _pieces(array: Array) -> Iterator[memoryview]:
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.size else np.zeros(0, np.uint8)
    for start in range(0, len(flat), _PIECE):
        yield flat[start : start + _PIECE].data


def _row_bytes(rows: Rows) -> Iterator[memoryview]:
    for block in rows.blocks:
        for row in np.ascontiguousarray(block, np.dtype(rows.kind)):
            yield row.data.cast("B")
