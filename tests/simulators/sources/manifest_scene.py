"""A folder whose access.toml files name users of ours, each item in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.simulators.sources.scene import GUEST, PEOPLE, TEAMS

from muniment.knowledge.sources.kinds import KINDS

_FILE = "text.md"


class ManifestScene:
    """Fills `Scene`: its accounts are users here, and its groups lists of them in the manifests."""

    kind = KINDS["folder"]
    can = frozenset({"groups", "deny", "folders", "break"})

    def __init__(self, place: Path) -> None:
        self._root = place / "documents"
        self._root.mkdir()
        self._teams = {name: list(members) for name, members in TEAMS.items()}
        self._stated: dict[str, tuple[Collection[str], Collection[str]]] = {}
        self.settings: Mapping[str, object] = {"root": str(self._root), "access": "manifests"}

    def put(self, path: str, text: str) -> None:
        folder = self._root / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_text(text)

    def remove(self, path: str) -> None:
        (self._root / path / _FILE).unlink()

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        self._stated[path] = (who, deny)
        folder = self._root / path
        folder.mkdir(parents=True, exist_ok=True)
        lists = {"allow": self._users(who), "deny": self._users(deny)}
        lines = [f"{key} = {json.dumps([f'user:{one}' for one in some])}\n" for key, some in lists.items()]
        (folder / "access.toml").write_text("".join(lines))

    def inherit(self, path: str) -> None:
        self._stated.pop(path, None)
        (self._root / path / "access.toml").unlink(missing_ok=True)

    def team(self, name: str, members: Collection[str]) -> None:
        self._teams[name] = list(members)
        for path, (who, deny) in list(self._stated.items()):
            self.allow(path, who, deny)

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        if not (self._root / path / _FILE).exists():
            return False
        at = path
        while at not in self._stated:
            if not at:
                return False
            at = at.rpartition("/")[0]
        allowed, denied = (self._users(one) for one in self._stated[at])
        return who in allowed and who not in denied

    def _users(self, names: Collection[str]) -> list[str]:
        found: set[str] = set()
        for one in names:
            if one == "everyone":
                found |= {*PEOPLE, GUEST}
            else:
                found |= set(self._teams[one[1:]]) if one.startswith("@") else {one}
        return sorted(found)

    def close(self) -> None:
        """Its folder goes with the test."""
