"""A SharePoint site under test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.simulators.sources.graph_server import (
    CLIENT,
    SECRET,
    SITE_PATH,
    TENANT,
    Grant,
    GraphServer,
    Node,
)
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources import kinds


class GraphScene:
    """Fills `Scene`."""

    kind = kinds.kind_of("sharepoint")
    can = frozenset(
        {"groups", "folders", "break", "move", "links", "guests", "unreadable", "feed", "throttle"}
    )
    binds = "account"

    def __init__(self, place: Path, server: GraphServer | None = None) -> None:
        """A server that is given is begun anew, and left running by `close`."""
        self.server = server or GraphServer()
        self._own = server is None
        self.server.renew()
        self.world = self.server.world
        self.drive = self.world.drives["Documents"]
        for name in (*PEOPLE, STRANGER):
            self.world.add_user(name)
        self.world.add_user(GUEST, guest=True)
        for name, members in TEAMS.items():
            self.world.set_group(name, list(members))
        secret = place / "graph-secret"
        secret.write_text(f"{SECRET}\n")
        self.settings: Mapping[str, object] = settings_for(self.server, secret)

    def put(self, path: str, text: str) -> None:
        self.world.make(self.drive, path, text)

    def remove(self, path: str) -> None:
        self.world.remove(self.drive, self._node(path))

    def move(self, path: str, to: str) -> None:
        self.world.move(self.drive, self._node(path), to)

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        assert not deny
        node = self.world.find(self.drive, path) or self.world.make(self.drive, path, None)
        self.world.grant(self.drive, node, [_grant(one) for one in who])

    def inherit(self, path: str) -> None:
        self.world.grant(self.drive, self._node(path), None)

    def team(self, name: str, members: Collection[str]) -> None:
        self.world.set_group(name, list(members))

    def share_by_link(self, path: str) -> None:
        node = self._node(path)
        _, grants = self.world.effective(self.drive, node)
        links = [Grant("link", "bob", scope) for scope in ("anonymous", "organization")]
        self.world.grant(self.drive, node, [*grants, *links])

    def lock(self, path: str, locked: bool) -> None:
        self._node(path).locked = locked

    def throttle(self, answers: int) -> None:
        self.world.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        node = self.world.find(self.drive, path)
        return node is not None and self.world.reads(self.drive, node, who)

    def close(self) -> None:
        if self._own:
            self.server.close()

    def _node(self, path: str) -> Node:
        found = self.world.find(self.drive, path)
        assert found is not None
        return found


def settings_for(server: GraphServer, secret: Path, **more: object) -> dict[str, object]:
    """Return the settings by which a server is connected."""
    return {
        "site": f"{server.url}{SITE_PATH}",
        "drives": ["Documents"],
        "tenant": TENANT,
        "client_id": CLIENT,
        "client_secret": f"file:{secret}",
        "graph": f"{server.url}/v1.0",
        "login": server.url,
        "download_hosts": [server.downloads],
        "match": "table",
        "accounts": {f"{name}@acme.example": name for name in (*PEOPLE, GUEST)},
        **more,
    }


def _grant(one: str) -> Grant:
    if one == "everyone":
        return Grant("everyone")
    return Grant("group", one[1:]) if one.startswith("@") else Grant("user", one)
