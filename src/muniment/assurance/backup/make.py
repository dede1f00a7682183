"""Making a backup of a workspace that goes on working.

Invariants:
- the database is copied in one read transaction, encrypted under the same key; nothing in clear reaches the disk;
- the index segments are those that the copied database names, and each is opened before the backup counts;
- the key above all keys is never in it;
- the log says that a backup is being made before anything is written, and that it was made before it is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from muniment.assurance.backup import manifest as statement
from muniment.assurance.backup.manifest import (
    DATABASE,
    KEYRING,
    MANIFEST,
    SEGMENTS,
    SETTINGS,
    SIGNATURE,
    Manifest,
)
from muniment.assurance.backup.rights import rights
from muniment.assurance.backup.verify import Frozen, OnProgress, read_segments, segment_rows
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import HEAD, Database
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.ids import Ids
from muniment.foundation.keys import Keyring
from muniment.foundation.private_file import read_private
from muniment.foundation.version import VERSION
from muniment.foundation.whole_folder import FileRecord, copied, recorded, refuse_taken, whole_folder
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog

_WORK = "backup"
_ROUNDS = 10
"""How often the database is copied again because an ingest took segments away meanwhile."""
_KEPT_APART = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", SETTINGS, SEGMENTS, "keys")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backup would hold, and whether there is room."""

    segments: int
    bytes: int
    free: int
    """Bytes free where it would lie."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    folder: Path
    manifest: Manifest

    @property
    def bytes(self) -> int:
        """How much its files hold."""
        return sum(file.bytes for file in self.manifest.files)


class Backups:
    """Backups of one open workspace."""

    def __init__(
        self,
        home: Path,
        database: Database,
        copy: Callable[[Path], None],
        audit: AuditLog,
        keyring: Keyring,
        clock: Clock,
        ids: Ids,
        frozen: Frozen,
    ) -> None:
        """`copy` writes one snapshot of `database`, encrypted under the same key, to a new file."""
        self._home = home
        self._database = database
        self._copy = copy
        self._audit = audit
        self._keyring = keyring
        self._clock = clock
        self._ids = ids
        self._frozen = frozen

    def plan(self, place: Path) -> Plan:
        """Return what a backup to `place` would hold; writes nothing."""
        self._check_place(place)
        with self._database.read() as connection:
            named = segment_rows(connection)
        there = [self._home / DATABASE, *(self._segment(name) for name in named)]
        at = next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())
        size = sum(path.stat().st_size for path in there if path.exists())
        return Plan(len(named), size, shutil.disk_usage(at).free)

    def make(self, place: Path, by: Actor, on_progress: OnProgress) -> Made:
        """Write a backup as a new folder, checked, whole or not at all.

        Raises Conflict where something lies at `place` or another backup runs, Unavailable where it cannot be
        written, Tampered where a part of the workspace is damaged.
        """
        self._check_place(place)
        with self._database.alone(_WORK), whole_folder(place) as folder:
            made = self._ids.new("backup")
            self._audit.record([Entry("backup.started", by, {"backup": made})])
            files = self._copy_data(folder, on_progress)
            files += [self._copy_keyring(folder), *self._copy_settings(folder)]
            manifest = self._described(folder, made, files)
            content = manifest.written()
            copied(BytesIO(content), folder / MANIFEST, MANIFEST)
            line = statement.signed(content, self._keyring.signing_key())
            signature = copied(BytesIO(line), folder / SIGNATURE, SIGNATURE)
            about = {
                "backup": made,
                "log_size": manifest.checkpoint.size,
                "files": len(files),
                "bytes": sum(file.bytes for file in files),
                "signature": f"sha256:{signature.sha256}",
            }
            self._audit.record([Entry("backup.made", by, about)])
        return Made(place, manifest)

    def _check_place(self, place: Path) -> None:
        if place.resolve().is_relative_to(self._home.resolve()):
            raise BadInput(f"{place} lies in the workspace itself.", fix="Name a folder elsewhere.")
        refuse_taken(place)

    def _copy_data(self, folder: Path, on_progress: OnProgress) -> list[FileRecord]:
        """Copy the database, then the segments it names; again where one of these was taken away meanwhile."""
        kept: dict[str, FileRecord] = {}
        for _ in range(_ROUNDS):
            self._copy(folder / DATABASE)
            named = self._named(folder)
            for name in kept.keys() - named.keys():
                (folder / kept.pop(name).path).unlink()
            if self._copy_segments(folder, named, kept, on_progress):
                read_segments(folder, self._keyring, named)
                return [recorded(folder, DATABASE), *(kept[name] for name in sorted(kept))]
            (folder / DATABASE).unlink()
        raise Conflict(
            "Index segments are missing, or were taken away again and again while they were copied.",
            fix="Run `muniment index check`; else try again when less is ingested.",
        )

    def _named(self, folder: Path) -> dict[str, str]:
        copy = self._frozen(folder / DATABASE, self._keyring)
        try:
            copy.examine()
            with copy.read() as connection:
                return segment_rows(connection)
        finally:
            copy.close()

    def _copy_segments(
        self, folder: Path, named: dict[str, str], kept: dict[str, FileRecord], on_progress: OnProgress
    ) -> bool:
        """Copy what is not there yet; return whether all of it was."""
        for number, name in enumerate(named, 1):
            on_progress(number, len(named))
            if name in kept:
                continue
            path = f"{SEGMENTS}/{name}.segment"
            try:
                with open(self._segment(name), "rb") as source:
                    kept[name] = copied(source, folder / path, path)
            except FileNotFoundError:
                return False
        return True

    def _copy_keyring(self, folder: Path) -> FileRecord:
        """Copy the wrapped keys as one rotation left them."""
        content, _ = read_private(self._home / "keys" / KEYRING)
        return copied(BytesIO(content), folder / KEYRING, KEYRING)

    def _copy_settings(self, folder: Path) -> list[FileRecord]:
        source = self._home / SETTINGS
        if not source.exists():
            return []
        return [copied(BytesIO(source.read_bytes()), folder / SETTINGS, SETTINGS)]

    def _described(self, folder: Path, made: str, files: list[FileRecord]) -> Manifest:
        copy = self._frozen(folder / DATABASE, self._keyring)
        try:
            checkpoint = AuditLog(copy, self._keyring, self._clock).statement()
            with copy.read() as connection:
                held = rights(connection)
        finally:
            copy.close()
        return Manifest(
            made,
            self._keyring.tenant,
            timestamp(self._clock.now()),
            VERSION,
            HEAD,
            checkpoint,
            held,
            self._left_out(),
            tuple(files),
        )

    def _left_out(self) -> tuple[str, ...]:
        """Name what lies in the home and not in the backup: keys, secrets that the settings refer to, logs."""
        there = [path.name for path in self._home.iterdir() if path.name not in _KEPT_APART]
        keys = [f"keys/{path.name}" for path in (self._home / "keys").iterdir() if path.name != KEYRING]
        return tuple(sorted(name for name in [*there, *keys] if not name.endswith(".lock")))

    def _segment(self, name: str) -> Path:
        return self._home / SEGMENTS / f"{name}.segment"
