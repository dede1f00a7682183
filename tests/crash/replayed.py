"""A disk as it is after the power went: what was synced is there, and of the rest as much as chance wants.

A file holds what it held when it was last synced, a folder the names that it had then. A write that was not synced
may be there in part, by sectors of 512 bytes; of changes of names that were not synced, the first ones may be there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.scenario import Facts

SECTOR = 512
MAPPED = "-shm"
"""How the name of a file ends that is written through memory, and made anew by whoever opens the database first."""
Change = tuple[int, bytes | None]
"""A write, by where it begins, or the length that the file is cut or grown to."""


@dataclass
class File:
    """Bytes that a sync made sure of, and changes since."""

    synced: bytearray = field(default_factory=bytearray)
    changes: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.changes:
            apply(self.synced, change)
        self.changes.clear()

    def after_loss(self, rng: random.Random | None) -> bytes:
        left = bytearray(self.synced)
        for change in self.changes if rng else ():
            for part in torn(change, rng):  # type: ignore[arg-type]
                apply(left, part)
        return bytes(left)


@dataclass
class Folder:
    """Names that a sync made sure of, and names as they are."""

    synced: dict[str, File | Folder] = field(default_factory=dict)
    now: dict[str, File | Folder] = field(default_factory=dict)
    changes: list[tuple[str, File | Folder | None]] = field(default_factory=list)

    def put(self, name: str, what: File | Folder | None) -> None:
        self.changes.append((name, what))
        if what is None:
            del self.now[name]
        else:
            self.now[name] = what

    def sync(self) -> None:
        self.synced = dict(self.now)
        self.changes.clear()

    def after_loss(self, rng: random.Random | None) -> dict[str, File | Folder]:
        left = dict(self.synced)
        for name, what in self.changes[: rng.randrange(len(self.changes) + 1)] if rng else ():
            if what is None:
                left.pop(name, None)
            else:
                left[name] = what
        return left


def apply(content: bytearray, change: Change) -> None:
    at, written = change
    if written is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
    else:
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(written)] = written


def torn(change: Change, rng: random.Random) -> Iterator[Change]:
    """Give what of a change reached the disk: all, nothing, or some sectors."""
    at, written = change
    chance = rng.random()
    if written is None or chance < 0.4:
        if chance < 0.4:
            yield change
        return
    if chance < 0.7:
        return
    start = 0
    while start < len(written):
        end = min(len(written), start + SECTOR - (at + start) % SECTOR)
        if rng.random() < 0.5:
            yield at + start, written[start:end]
        start = end


@dataclass
class Moment:
    """A moment before a sync: what had been acknowledged, done outside and begun by then."""

    told: dict[str, Facts] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)

    @property
    def current(self) -> str:
        """The step under way; empty between two."""
        return next((name for name in self.begun if name not in self.told), "")


class Disk:
    """The folder of a record, played again."""

    def __init__(self) -> None:
        self.root = Folder()

    def moments(self, record: Path) -> Iterator[Moment]:
        """Give each moment before a sync, and the last one; the disk is as it was then."""
        moment = Moment()
        with record.open("rb") as lines:
            while line := lines.readline():
                what, at, count, path, other = line.decode().rstrip("\n").split("\t")
                written = lines.read(int(count)) if what in "WA" else b""
                if what == "A":
                    _note(moment, written.decode())
                elif what == "B":
                    yield moment
                elif not path.endswith((MAPPED, " (deleted)")):
                    self._do(what, int(at), path, other, written)
        yield moment

    def after_loss(self, place: Path, rng: random.Random | None = None) -> None:
        """Write what is left to a new folder: what was synced, and with `rng` some of the rest."""
        _write(self.root, place, rng)

    def _do(self, what: str, at: int, path: str, other: str, written: bytes) -> None:
        folder, name = self._folder(path)
        if what == "C":
            folder.put(name, File())
        elif what == "D":
            folder.put(name, Folder())
        elif what == "U":
            folder.put(name, None)
        elif what in "LR":
            moved = folder.now[name]
            if what == "R":
                folder.put(name, None)
            to, new = self._folder(other)
            to.put(new, moved)
        elif what == "S":
            (folder.now[name] if name else folder).sync()
        elif what in "WT":
            changed = folder.now[name]
            assert isinstance(changed, File)
            changed.changes.append((at, written if what == "W" else None))
        else:
            raise AssertionError(f"{what} of {path} cannot be played again")

    def _folder(self, path: str) -> tuple[Folder, str]:
        found = self.root
        *parents, name = path.strip("/").split("/")
        for parent in parents:
            inner = found.now[parent]
            assert isinstance(inner, Folder)
            found = inner
        return found, name


def _note(moment: Moment, words: str) -> None:
    kind, _, rest = words.partition(" ")
    if kind == "begin":
        moment.begun.append(rest)
    elif kind == "effect":
        moment.effects.append(rest)
    else:
        name, facts = json.loads(rest)
        moment.told[name] = facts


def _write(folder: Folder, place: Path, rng: random.Random | None) -> None:
    place.mkdir(mode=0o700)
    for name, what in folder.after_loss(rng).items():
        if isinstance(what, Folder):
            _write(what, place / name, rng)
        else:
            made = place / name
            made.touch(0o600)
            made.write_bytes(what.after_loss(rng))
