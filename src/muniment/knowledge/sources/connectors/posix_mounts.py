"""Which file systems lie where, for on some of them owners and modes are not what decides (mountinfo in proc(5))."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from muniment.foundation.errors import Unavailable

_LOCAL = """
bcachefs btrfs erofs ext2 ext3 ext4 f2fs iso9660 jfs overlay ramfs reiserfs squashfs tmpfs ubifs xfs zfs
"""
DECIDING = frozenset(_LOCAL.split())
"""Types on which this system's own check of owners, modes and POSIX lists is the whole of it.

Not among them: cifs, nfs, 9p, fuse and the like, where a server or a program decides by rules of its own.
"""
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mounts:
    """The mounts that this process sees, as of when it was made."""

    def __init__(self, trusted: Collection[str] = (), table: Path = Path("/proc/self/mountinfo")) -> None:
        """`trusted` are further types that decide; raises Unavailable where the table cannot be read."""
        self._decides = DECIDING | frozenset(trusted)
        self._types: dict[str, str] = {}
        try:
            for line in table.read_text("utf-8", "surrogateescape").splitlines():
                before, _, behind = line.partition(" - ")
                place = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
                # A later mount covers an earlier one at its place.
                self._types[place] = behind.split(" ")[0]
        except (OSError, IndexError) as error:
            raise Unavailable(
                "What is mounted here cannot be read.", fix="Let /proc be seen by this process."
            ) from error

    def type_of(self, folder: str) -> str:
        """Return the type of the file system that a folder of an absolute path lies on."""
        at = folder
        while at not in self._types:
            if at in ("/", ""):
                return "unknown"
            at = at.rpartition("/")[0] or "/"
        return self._types[at]

    def decides(self, folder: str) -> bool:
        """Return whether owners, modes and lists are the whole of who may read what lies in a folder."""
        return self.type_of(folder) in self._decides
