"""A folder whose files belong to users and groups of the system, asked as those users."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.simulators.posix_tree import posix_tree
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources.kinds import KINDS


class PosixScene:
    """Fills `Scene`: a file's readers are an access list of its own."""

    kind = KINDS["folder"]
    can = frozenset({"groups", "deny"})

    def __init__(self, place: Path) -> None:
        self._stack = ExitStack()
        self.tree = self._stack.enter_context(posix_tree())
        self._file = place / "people.toml"
        for name in TEAMS:
            self.tree.add_group(name)
        for name in (*PEOPLE, GUEST, STRANGER):
            self.tree.add_user(name, *(team for team, members in TEAMS.items() if name in members))
        self._state_people()
        self.settings: Mapping[str, object] = {
            "root": str(self.tree.folder),
            "people": str(self._file),
            "accounts": {GUEST: GUEST},
        }

    def _state_people(self) -> None:
        lines = [
            f"[users.{name}]\nuid = {self.tree.uid(name)}\ngids = {json.dumps(self.tree.groups_of(name))}\n"
            for name in (*PEOPLE, GUEST, STRANGER)
        ]
        self._file.write_text("".join(lines))

    def put(self, path: str, text: str) -> None:
        file = self.tree.folder / path
        if file.exists():
            file.write_text(text)
        else:
            self.tree.put(path, text.encode())

    def remove(self, path: str) -> None:
        self.tree.remove(path)

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        """State an access list in which an entry of a user goes before those of groups."""
        self.tree.setfacl(path, how="-b")
        self.tree.chmod(path, 0o600)
        entries = [f"g:{one[1:]}:r--" if one.startswith("@") else f"u:{one}:r--" for one in who]
        entries = [one for one in entries if one.split(":")[1] not in deny]
        known = {*PEOPLE, GUEST, STRANGER}
        entries += [f"u:{one}:---" for one in deny if one in known]
        if entries:
            self.tree.setfacl(path, *entries)

    def inherit(self, path: str) -> None:
        raise NotImplementedError

    def team(self, name: str, members: Collection[str]) -> None:
        for one in PEOPLE:
            if one in members:
                self.tree.join(one, name)
            elif self.tree.gid(name) in self.tree.groups_of(one):
                self.tree.leave(one, name)
        self._state_people()

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        """Put something in its place that is no plain file."""
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        return self.tree.can_read(who, path)

    def close(self) -> None:
        self._stack.close()
