"""A Confluence under test."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.simulators.sources.atlassian_http import TOKEN
from tests.simulators.sources.confluence_server import GUESTS, LICENSED, ConfluenceServer, Node, Space
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources import kinds

OURS = "reader"
"""The account that reads for us, to which a page is restricted that nobody else may read."""


class ConfluenceScene:
    """Fills `Scene`: a page is restricted, or read by whoever may see its space."""

    kind = kinds.kind_of("confluence")
    can = frozenset({"groups", "move", "guests", "unreadable", "throttle"})

    def __init__(self, place: Path, cloud: bool = True) -> None:
        self.server = ConfluenceServer(cloud)
        self.world = self.server.world
        for name in (*PEOPLE, STRANGER, OURS):
            self.world.add_user(name)
        self.world.add_user(GUEST, guest=True)
        for name, members in TEAMS.items():
            self.world.groups[name] = set(members)
        self.world.spaces["DOCS"] = Space("DOCS", {GUEST}, {LICENSED})
        token = place / "confluence-token"
        token.write_text(f"{TOKEN}\n")
        self.settings: Mapping[str, object] = settings_for(self.server, token)

    def put(self, path: str, text: str) -> None:
        is_new = self.world.find(path) is None
        node = self.world.make(path, f"<p>{html.escape(text)}</p>")
        if is_new:
            node.restricted = ({OURS}, set())

    def remove(self, path: str) -> None:
        self.world.nodes.pop(self.node(path).id)

    def move(self, path: str, to: str) -> None:
        node = self.node(path)
        above, _, node.title = to.rpartition("/")
        node.parent = self.world.make(above).id if above else ""

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        assert not deny
        groups = {
            LICENSED if one == "everyone" else one[1:] for one in who if one[0] == "@" or one == "everyone"
        }
        users = {one for one in who if one[0] != "@" and one != "everyone"}
        self.node(path).restricted = ({OURS, *users}, groups)

    def inherit(self, path: str) -> None:
        self.node(path).restricted = None

    def team(self, name: str, members: Collection[str]) -> None:
        self.world.groups[name] = set(members)

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        self.node(path).locked = locked

    def throttle(self, answers: int) -> None:
        self.server.http.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        node = self.world.find(path)
        return node is not None and self.world.reads(who, node)

    def close(self) -> None:
        self.server.close()

    def node(self, path: str) -> Node:
        found = self.world.find(path)
        assert found is not None
        return found


def settings_for(server: ConfluenceServer, token: Path, **more: object) -> dict[str, object]:
    """Return the settings by which a server is connected."""
    cloud: dict[str, object] = {
        "user": "reader@acme.example",
        "match": "table",
        "accounts": {f"acc:{name}": name for name in (*PEOPLE, GUEST)},
    }
    own: dict[str, object] = {"edition": "datacenter", "accounts": {GUEST: GUEST}}
    return {
        "site": server.url,
        "spaces": ["DOCS"],
        "token": f"file:{token}",
        "licensed_groups": [LICENSED],
        "guest_groups": [GUESTS],
        **(cloud if server.cloud else own),
        **more,
    }
