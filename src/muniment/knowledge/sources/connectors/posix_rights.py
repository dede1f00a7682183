"""Who may read a file by POSIX owners, modes and access lists (POSIX.1e draft 17; acl(5), path_resolution(7))."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_XATTR = "system.posix_acl_access"
_VERSION = 2
_OWNER, _USER, _GROUP, _NAMED, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
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


def rights_of(path: str | int, facts: os.stat_result | None = None) -> Rights:
    """Return what a path, or an open file, grants; raises OSError where that cannot be read."""
    found = facts or (os.fstat(path) if isinstance(path, int) else os.lstat(path))
    return Rights(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), _list_of(path))


def _list_of(path: str | int) -> bytes:
    try:
        if isinstance(path, int):
            return os.getxattr(path, _XATTR)
        return os.getxattr(path, _XATTR, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NONE:
            return b""
        raise


_NONE = (61, 95)  # ENODATA, EOPNOTSUPP: there is no list


def readers_of(
    people: Mapping[str, Person], passing: frozenset[str], rights: Rights, what: int
) -> frozenset[str]:
    """Return which of those who reach the folder above are granted READ, or PASS."""
    return frozenset(name for name in passing if rights.grants(people[name], what))
