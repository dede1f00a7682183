"""Who may read a file by POSIX owners, modes and access lists (POSIX.1e draft 17; acl(5), path_resolution(7)).

Narrower than Linux where a list's mask grants nothing: Linux then passes the list over, and asks the mode what others
may do, even for whom the list names. Linux capabilities and security modules are not seen.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_XATTR, _INHERITED = "system.posix_acl_access", "system.posix_acl_default"
_VERSION = 2
_OWNER, _USER, _GROUP, _NAMED, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_TAGS = {_OWNER, _USER, _GROUP, _NAMED, _MASK, _OTHER}
READ, PASS = 4, 1


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the machine."""

    uid: int
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a file or folder grants."""

    owner: int
    group: int
    mode: int
    acl: bytes = b""
    """The access list as the kernel keeps it; empty where there is none."""

    def grants(self, person: Person, what: int) -> bool:
        """Return whether somebody is granted READ, or PASS through a folder; a list that is not understood denies."""
        if person.uid == 0:
            return True
        try:
            granted = self._by_list(person) if self.acl else self._by_mode(person)
        except (struct.error, ValueError):
            return False
        return any(one & what for one in granted)

    def _by_mode(self, person: Person) -> list[int]:
        if person.uid == self.owner:
            return [self.mode >> 6 & 7]
        if self.group in person.gids:
            return [self.mode >> 3 & 7]
        return [self.mode & 7]

    def _by_list(self, person: Person) -> list[int]:
        """Return what the entries of the first class that matches grant; of groups any one may."""
        version = struct.unpack_from("<I", self.acl)[0]
        if version != _VERSION or (len(self.acl) - 4) % 8:
            raise ValueError("an access list of another kind")
        entries = list(struct.iter_unpack("<HHI", self.acl[4:]))
        if any(tag not in _TAGS or perm > 7 for tag, perm, _ in entries):
            raise ValueError("an entry of another kind")
        mask = next((perm for tag, perm, _ in entries if tag == _MASK), 7)
        if person.uid == self.owner:
            return [perm for tag, perm, _ in entries if tag == _OWNER]
        named = [perm & mask for tag, perm, who in entries if tag == _USER and who == person.uid]
        if named:
            return named
        groups = [
            perm & mask
            for tag, perm, who in entries
            if (tag == _GROUP and self.group in person.gids) or (tag == _NAMED and who in person.gids)
        ]
        return groups or [perm for tag, perm, _ in entries if tag == _OTHER]


def rights_of(path: str, kind: Callable[[int], bool]) -> tuple[Rights, os.stat_result]:
    """Return what a path itself grants, and its facts.

    Raises OSError where that cannot be read, or the path is not of the kind that is told, such as `stat.S_ISREG`: a
    link would show the rights of the link.
    """
    found = os.lstat(path)
    if not kind(found.st_mode):
        raise OSError(errno.EINVAL, "something else lies there", path)
    return Rights(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), _list_of(path)), found


def _list_of(path: str) -> bytes:
    """Return the POSIX list; raises OSError where there is one of another kind, as of NFS 4, which may deny."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return b""
        raise
    if any(name.startswith("system.") and name not in (_XATTR, _INHERITED) for name in names):
        raise OSError(errno.EOPNOTSUPP, "an access list of another kind", path)
    if _XATTR not in names:
        return b""
    return os.getxattr(path, _XATTR, follow_symlinks=False)


def readers_of(
    people: Mapping[str, Person], passing: frozenset[str], rights: Rights, *what: int
) -> frozenset[str]:
    """Return which of those who reach the folder above are granted each of these: READ, PASS."""
    return frozenset(name for name in passing if all(rights.grants(people[name], one) for one in what))
