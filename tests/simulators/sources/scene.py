"""What the contract of connectors asks of a source under test: hands to change it, and its own word on who reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from muniment.knowledge.sources.kinds import Kind

PEOPLE = ("alice", "bob", "carol")
"""Accounts of every source under test, users here under the same names."""
GUEST, STRANGER = "gina", "zoe"
"""A guest of the source who is a user here too, and an account of the source that is nobody here."""
TEAMS = {"engineering": ("alice", "bob"), "everyone-else": ("carol",)}


class Scene(Protocol):
    """A source under test.

    `can` says what the source is able to express, so that the contract asks nothing else of it: "groups", "deny",
    "folders" (access inherited from a folder), "break" (inheritance broken by an item), "move" (an item keeps its
    id), "links" (shared by address), "guests", "unreadable" (an item that our account cannot open), "feed" (changes
    since a cursor), "throttle", "notify".
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def settings(self) -> Mapping[str, object]: ...

    @property
    def can(self) -> Collection[str]: ...

    def put(self, path: str, text: str) -> None:
        """Make an item or change what is in it; a new one inherits what its folder gives, at first nothing."""
        ...

    def remove(self, path: str) -> None: ...

    def move(self, path: str, to: str) -> None: ...

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        """State who reads an item or folder: names of accounts, and of groups as `@NAME`; replaces what was stated.

        On an item this breaks inheritance, where the source can; `inherit` mends it.
        """
        ...

    def inherit(self, path: str) -> None:
        """Let an item take its folder's access again."""
        ...

    def team(self, name: str, members: Collection[str]) -> None:
        """Set who is in a group."""
        ...

    def share_by_link(self, path: str) -> None:
        """Let whoever has the address read."""
        ...

    def lock(self, path: str, locked: bool) -> None:
        """Keep our own account from opening an item."""
        ...

    def throttle(self, answers: int) -> None:
        """Refuse so many of the next requests, as the source does when it has too many."""
        ...

    def reads(self, who: str, path: str) -> bool:
        """Return whether the source itself lets an account read an item now."""
        ...

    def close(self) -> None: ...
