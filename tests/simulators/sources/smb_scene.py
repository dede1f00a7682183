"""A share of a real Samba server, which its own users read through sessions of theirs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from tests.simulators.samba_server import ADMIN, Samba, samba
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources.kinds import KINDS

READER = "reader"
"""The account that muniment reads with: it holds no privilege."""
UNKNOWN = "S-1-5-21-9-9-9-1234"
"""Nobody's."""
_USERS = (*PEOPLE, GUEST, STRANGER)
_server = ExitStack()
_started: list[Samba] = []
_lasts = count(1)


def shared_samba() -> Samba:
    """Return the server that the scenes of a module share, each in a folder of its own."""
    if not _started:
        _started.append(_server.enter_context(samba(_fill)))
    return _started[0]


def end_samba() -> None:
    """End it, where it runs."""
    _started.clear()
    _server.close()


def _fill(server: Samba) -> None:
    for name in TEAMS:
        server.add_group(name)
    for name in (*_USERS, READER):
        server.add_user(name)


def people_file(server: Samba, users: Collection[str], teams: Mapping[str, Collection[str]]) -> str:
    """Return what a directory would export of these."""
    lines = [f"[users.{json.dumps(one)}]\nsid = {json.dumps(server.sid(one))}\n" for one in users]
    for team, members in teams.items():
        lines.append(
            f"[groups.{json.dumps(team)}]\nsid = {json.dumps(server.sid(team))}\n"
            f"members = {json.dumps(sorted(members))}\n"
        )
    return "".join(lines)


def stated(samba: Samba, place: Path, /, **more: object) -> dict[str, object]:
    """Return settings that read the share as READER."""
    (place / "password").write_text(samba.password_of(READER))
    (place / "password").chmod(0o600)
    return {
        "server": samba.host,
        "port": samba.port,
        "share": samba.share,
        "user": READER,
        "password": f"file:{place / 'password'}",
        "people": str(place / "people.toml"),
        "share_readers": ["Everyone"],
        "private_network": True,
        **more,
    }


class SmbScene:
    """Fills `Scene`: rights are handed down by folders, as the tools of Windows do when those of a folder change."""

    kind = KINDS["smb"]
    can = frozenset({"groups", "deny", "folders", "break", "move", "unreadable"})

    def __init__(self, place: Path) -> None:
        self.server = shared_samba()
        self._folder = f"scene-{next(_lasts)}"
        self._file = place / "people.toml"
        self._files: set[str] = set()
        self._folders: set[str] = {""}
        self._said: dict[str, tuple[Collection[str], Collection[str]]] = {"": ((), ())}
        self._locked: set[str] = set()
        for name, members in TEAMS.items():
            self._regroup(name, members)
        self._state_people()
        self.server.make_folder(self._folder)
        self._apply("")
        self.settings: Mapping[str, object] = stated(
            self.server, place, folder=self._folder, accounts={GUEST: GUEST}, traverse="bypassed"
        )

    def put(self, path: str, text: str) -> None:
        self._make_folders(path)
        self.server.put(self._at(path), text.encode())
        self._files.add(path)

    def remove(self, path: str) -> None:
        self.server.remove(self._at(path))
        self._files.discard(path)

    def move(self, path: str, to: str) -> None:
        self._make_folders(to)
        self.server.move(self._at(path), self._at(to))
        self._files = (self._files - {path}) | {to}

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        self._said[path] = (who, deny)
        if path not in self._files:
            self._make_folders(f"{path}/")
        self._hand_down(path)

    def inherit(self, path: str) -> None:
        del self._said[path]
        self._hand_down(path)

    def team(self, name: str, members: Collection[str]) -> None:
        self._regroup(name, members)
        self._state_people()

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        (self._locked.add if locked else self._locked.discard)(path)
        self._apply(path)

    def throttle(self, answers: int) -> None:
        raise NotImplementedError

    def reads(self, who: str, path: str) -> bool:
        return self.server.can_read(who, self._at(path))

    def close(self) -> None:
        """The server goes on for the next scene."""

    def _at(self, path: str) -> str:
        return f"{self._folder}/{path}".rstrip("/")

    def _make_folders(self, path: str) -> None:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in self._folders:
                self.server.make_folder(self._at(folder))
                self._folders.add(folder)

    def _hand_down(self, path: str) -> None:
        for one in (*self._folders, *self._files):
            if one == path or self._source_of(one) == path or one.startswith(f"{path}/"):
                self._apply(one)

    def _source_of(self, path: str) -> str:
        while path not in self._said:
            path = path.rpartition("/")[0]
        return path

    def _apply(self, path: str) -> None:
        who, deny = self._said[self._source_of(path)]
        flags = "0" if path in self._files else "OI|CI"
        entries = [f"{self._named(one)}:DENIED/{flags}/READ" for one in deny]
        entries += [f"{self._named(one)}:ALLOWED/{flags}/READ" for one in who]
        if path not in self._locked:
            entries.insert(0, f"{READER}:ALLOWED/{flags}/READ")
        self.server.set_acl(self._at(path), *entries, f"{ADMIN}:ALLOWED/{flags}/FULL")

    def _named(self, one: str) -> str:
        name = one.removeprefix("@")
        return name if name in (*_USERS, *TEAMS) else UNKNOWN

    def _regroup(self, name: str, members: Collection[str]) -> None:
        before = self.server.members(name)
        for one in before - set(members):
            self.server.leave(one, name)
        for one in set(members) - before:
            self.server.join(one, name)

    def _state_people(self) -> None:
        teams = {name: self.server.members(name) for name in TEAMS}
        self._file.write_text(people_file(self.server, _USERS, teams))
