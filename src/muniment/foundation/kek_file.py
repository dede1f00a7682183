"""The key-encryption key as a file: one line a version, the newest last.

A line is the version and 32 bytes in base64; a line without a version is the first one.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from muniment.foundation.errors import Conflict, NotSetUp, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.key_provider import KeyRefused, KeyState, ProviderName, Wrapped
from muniment.foundation.keys import seal, unseal
from muniment.foundation.private_file import read_private, replace_private, shred, sync_folder, write_private


class KekFile:
    """Fills `KeyProvider` on a file that its owner keeps apart from the backups of the home."""

    def __init__(self, path: Path, ids: Ids) -> None:
        self.path = path
        self.aside = path.with_name(f"{path.name}.disabled")
        """Where the file lies while the key is switched off."""
        self._ids = ids

    @property
    def name(self) -> ProviderName:
        return "local"

    @property
    def place(self) -> str:
        return str(self.path)

    def ensure(self) -> None:
        """Make the file with one version where there is none."""
        if not self.path.exists():
            write_private(self.path, base64.b64encode(self._ids.random_bytes(32)) + b"\n")

    def wrap(self, context: Mapping[str, str], plaintext: bytes) -> Wrapped:
        """Seal under the last version of the file."""
        keys = self._read()
        newest = max(keys)
        sealed = seal(keys[newest], context, plaintext, self._ids.random_bytes(12))
        return Wrapped(self.name, "file", str(newest), sealed)

    def unwrap(self, context: Mapping[str, str], wrapped: Wrapped) -> bytes:
        """Open under the version that wrapped it; raises KeyRefused where the file has that version no more."""
        key = {str(version): key for version, key in self._read().items()}.get(wrapped.version)
        if key is None:
            raise KeyRefused(
                f"The key file {self.path} has no version {wrapped.version[:20]} any more.",
                fix="The key was changed since: use the newest keyring.json, not one from a backup.",
            )
        return unseal(key, context, wrapped.sealed)

    def describe(self) -> KeyState:
        """Return the versions in the file, or that it lies aside or is not there."""
        key = str(self.path)
        try:
            versions = tuple(map(str, sorted(self._read())))
        except NotSetUp as error:
            if self.path.exists():
                return KeyState(self.name, key, "unknown", note=str(error))
            condition = "disabled" if self.aside.exists() else "absent"
            return KeyState(self.name, key, condition, note=f"lies at {self.aside}" * self.aside.exists())
        return KeyState(self.name, key, "enabled", versions[-1], versions)

    def rotate(self) -> str:
        """Add a version to the file."""
        keys = self._read()
        newest = max(keys) + 1
        self._write({**keys, newest: self._ids.random_bytes(32)})
        return str(newest)

    def retire(self, newest: str) -> str:
        """Take the versions before `newest` out of the file and overwrite them."""
        keys = self._read()
        kept = {version: key for version, key in keys.items() if version >= int(newest)}
        if not kept:
            raise KeyRefused(f"The key file {self.path} has no version {newest}.", fix="Nothing was changed.")
        if kept != keys:
            self._write(kept)
        return ""

    def disable(self, wrapped: Wrapped) -> str:
        """Rename the file."""
        self._move(self.path, self.aside)
        return f"The key file was renamed to {self.aside}."

    def enable(self, wrapped: Wrapped) -> str:
        """Rename the file back."""
        self._move(self.aside, self.path)
        return f"The key file lies at {self.path} again."

    def destroy(self) -> str:
        """Overwrite and remove the file, aside or not; raises NotSetUp where there is none."""
        found = [path for path in (self.path, self.aside) if shred(path)]
        if not found:
            raise NotSetUp(f"There is no key file at {self.path}.", fix="Nothing was changed.")
        return (
            f"{' and '.join(map(str, found))} was overwritten and removed; copies of it elsewhere still open."
        )

    def _move(self, source: Path, target: Path) -> None:
        if target.exists():
            raise Conflict(f"{target} already exists.", fix="Move it away; nothing was changed.")
        try:
            os.rename(source, target)
            sync_folder(target.parent)
        except FileNotFoundError as error:
            raise NotSetUp(f"There is no key file at {source}.", fix="Nothing was changed.") from error
        except OSError as error:
            raise Unavailable(
                f"{source} cannot be renamed ({error.strerror}).", fix="Mend the folder's permissions."
            ) from error

    def _write(self, keys: Mapping[int, bytes]) -> None:
        lines = [f"{version} {base64.b64encode(key).decode()}\n" for version, key in sorted(keys.items())]
        replace_private(self.path, "".join(lines).encode())

    def _read(self) -> dict[int, bytes]:
        try:
            raw, mode = read_private(self.path)
        except OSError as error:
            aside = " It was switched off: `muniment keys enable`." if self.aside.exists() else ""
            raise NotSetUp(
                f"The key file {self.path} cannot be read ({error.strerror}).{aside}",
                fix="Put it back, or point the setting keys.kek_file at it.",
            ) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NotSetUp(f"The key file {self.path} is open to others.", fix=f"Run: chmod 600 {self.path}")
        keys: dict[int, bytes] = {}
        for line in raw.strip().split(b"\n"):
            version, key = self._parse(line)
            if version in keys:
                raise NotSetUp(
                    f"The key file {self.path} has version {version} twice.", fix="Restore it from a backup."
                )
            keys[version] = key
        return keys

    def _parse(self, line: bytes) -> tuple[int, bytes]:
        head, _, tail = line.strip().partition(b" ")
        stated = bool(tail) and head.isdigit() and len(head) < 10
        try:
            key = base64.b64decode(tail.strip() if stated else line.strip(), validate=True)
        except ValueError as error:
            raise NotSetUp(
                f"The key file {self.path} is not base64.", fix="Restore it from a backup."
            ) from error
        if len(key) != 32:
            raise NotSetUp(
                f"The key in {self.path} has {len(key)} bytes, not 32.", fix="Restore it from a backup."
            )
        return int(head) if stated else 1, key
