"""A shared drive of Google Drive under test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.simulators.sources.drive_server import ADMIN, DOMAIN, DRIVE, DriveServer, Grant, Node
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources import kinds


class DriveScene:
    """Fills `Scene`."""

    kind = kinds.kind_of("drive")
    can = frozenset({"groups", "folders", "move", "links", "guests", "unreadable", "feed", "throttle"})
    binds = "account"

    def __init__(self, place: Path, server: DriveServer | None = None) -> None:
        """A server that is given is begun anew, and left running by `close`."""
        self.server = server or DriveServer()
        self._own = server is None
        self.server.renew()
        self.world = self.server.world
        self.world.users |= {address(one): False for one in (*PEOPLE, STRANGER)} | {ADMIN: False}
        for name, members in TEAMS.items():
            self.team(name, members)
        self.settings: Mapping[str, object] = settings_for(self.server, place)

    def put(self, path: str, text: str) -> None:
        self.world.make(path, text)

    def remove(self, path: str) -> None:
        node = self._node(path)
        node.trashed = True
        self.world.touch(node)

    def move(self, path: str, to: str) -> None:
        self.world.move(self._node(path), to)

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        assert not deny
        node = self.world.find(path) or self.world.make(path, None)
        node.grants = [_grant(one) for one in who]
        self.world.touch(node)

    def inherit(self, path: str) -> None:
        self.allow(path, [])

    def team(self, name: str, members: Collection[str]) -> None:
        self.world.groups[address(name)] = [address(one) for one in members]

    def share_by_link(self, path: str) -> None:
        node = self._node(path)
        node.grants += [Grant("anyone", found=False), Grant("domain", DOMAIN, found=False)]
        self.world.touch(node)

    def lock(self, path: str, locked: bool) -> None:
        self._node(path).locked = locked

    def throttle(self, answers: int) -> None:
        self.world.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        node = self.world.find(path)
        return node is not None and self.world.reads(address(who), node)

    def close(self) -> None:
        if self._own:
            self.server.close()

    def _node(self, path: str) -> Node:
        found = self.world.find(path)
        assert found is not None
        return found


def address(name: str) -> str:
    """Return the mail address of an account or group."""
    return f"{name}@partner.example" if name == GUEST else f"{name}@{DOMAIN}"


def settings_for(server: DriveServer, place: Path, **more: object) -> dict[str, object]:
    """Return the settings by which a server is connected."""
    key = place / "drive-key.json"
    key.write_text(server.key)
    return {
        "workspace": DOMAIN,
        "drives": [DRIVE],
        "service_account": f"file:{key}",
        "subject": ADMIN,
        "api": f"{server.url}/drive/v3",
        "directory": f"{server.url}/admin/directory/v1",
        "login": f"{server.url}/token",
        "match": "table",
        "accounts": {address(name): name for name in (*PEOPLE, GUEST)},
        **more,
    }


def _grant(one: str) -> Grant:
    if one == "everyone":
        return Grant("domain", DOMAIN)
    return Grant("group", address(one[1:])) if one.startswith("@") else Grant("user", address(one))
