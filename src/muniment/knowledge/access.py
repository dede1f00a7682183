"""Access lists: who may read a document. Deny wins; an empty list is nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccessList:
    """Principals and groups that may and that may not, spelled `user:NAME`, `group:NAME`, `service:NAME`."""

    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    sensitivity: str | None = None

    def permits(self, grants: frozenset[str]) -> bool:
        """Return whether someone holding `grants` may read: some allow entry is held and no deny entry is."""
        return not self.allow.isdisjoint(grants) and self.deny.isdisjoint(grants)

    def digest(self) -> str:
        """Return the digest under which equal lists are shared; names count byte for byte, not normalised."""
        stated = [sorted(self.allow), sorted(self.deny), self.sensitivity]
        return "sha256:" + hashlib.sha256(json.dumps(stated).encode("ascii")).hexdigest()


NOBODY = AccessList()


def nearest(path: str, stated: Mapping[str, T]) -> T | None:
    """Return what is stated for `path` itself or its closest folder; `""` is the source's root."""
    at = path
    while True:
        if at in stated:
            return stated[at]
        if not at:
            return None
        at = at.rpartition("/")[0]
