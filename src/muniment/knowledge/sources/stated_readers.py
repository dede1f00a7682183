"""Readers that an operator states for a source which says nothing itself that can be mirrored.

Invariants:
- what lies below no stated path is nobody's, and what lies below several is its nearest path's alone;
- a path that would have other readers if it were tidied, as `a/../b` and `/a`, is nobody's;
- paths are compared in one Unicode form, so that no other spelling of a name falls to the folder above.

Readers are our own users, groups and services.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

from muniment.foundation.errors import BadInput
from muniment.knowledge.access import nearest
from muniment.knowledge.sources.connector import UNREADABLE, Stated
from muniment.knowledge.sources.manifest import check_entry
from muniment.knowledge.sources.reader_sets import scope_of


class ReaderList(BaseModel):
    """Who may read: any of `allow`, none of `deny`, each `user:NAME`, `group:NAME` or `service:NAME`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: tuple[str, ...]
    deny: tuple[str, ...] = ()

    @field_validator("allow", "deny")
    @classmethod
    def _check(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(check_entry(one, "entry") for one in entries)
        except BadInput as error:
            raise ValueError(str(error)) from error


class PathReaders(ReaderList):
    """One `[[readers]]` of a source: who may read what lies at a path and below."""

    path: str = ""
    """Without a slash at the beginning or the end; empty: all of the source."""
    sensitivity: str | None = Field(default=None, pattern=r"\S")

    @field_validator("path")
    @classmethod
    def _plain(cls, path: str) -> str:
        if path and not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise ValueError("write names joined by single slashes, without . and ..")
        return _one_form(path)


class StatedReaders:
    """The readers of a source by path."""

    def __init__(self, stated: Sequence[PathReaders]) -> None:
        """Raises BadInput where two are stated for one path."""
        self._of: dict[str, Stated] = {}
        for one in stated:
            if one.path in self._of:
                raise BadInput(f"readers: {one.path!r} is stated twice.", fix="State each path once.")
            allow, deny = frozenset(one.allow), frozenset(one.deny)
            self._of[one.path] = Stated((allow,) if allow else (), deny, one.sensitivity)
        self._paths = {one: one for one in self._of}

    def of(self, path: str) -> Stated:
        """Return who may read what lies at a path."""
        found = nearest(_one_form(path), self._paths)
        if found is None or found != nearest(_tidied(_one_form(path)), self._paths):
            return UNREADABLE
        return self._of[found]

    def scope(self, path: str) -> str:
        """Return the scope in which what lies at a path is: others where other readers are stated for it."""
        return scope_of(self.of(path))

    def scopes(self) -> Mapping[str, Stated]:
        """Return what is stated, by scope."""
        return {scope_of(one): one for one in (UNREADABLE, *self._of.values())}


def _one_form(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _tidied(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
