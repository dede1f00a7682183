"""A simulator of a WebDAV server with access lists of its own (RFC 3744)."""

from __future__ import annotations

import http.client
from base64 import b64encode
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.simulators.dav_acl_server import READER, DavAcl, dav_acl, password_of
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources.kinds import KINDS


class DavAclScene:
    """Fills `Scene`: a file has its own entries and those of the folders above it."""

    kind = KINDS["webdav"]
    can = frozenset({"groups", "deny", "folders", "break", "unreadable", "throttle"})

    def __init__(self, place: Path) -> None:
        self._stack = ExitStack()
        self.server: DavAcl = self._stack.enter_context(dav_acl())
        self.server.users = {*PEOPLE, GUEST, STRANGER}
        for name, members in TEAMS.items():
            self.team(name, members)
        secret = place / "dav-secret"
        secret.write_text(password_of(READER))
        self.settings: Mapping[str, object] = {
            "url": f"{self.server.url}/files/",
            "user": READER,
            "password": f"file:{secret}",
            "access": "acl",
        }

    def put(self, path: str, text: str) -> None:
        self.server.put(path, text)

    def remove(self, path: str) -> None:
        del self.server.nodes[path]

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        node = self.server.node(path)
        node.aces = "".join([*(ace("deny", one) for one in deny), *(ace("grant", one) for one in who)])
        node.breaks = True

    def inherit(self, path: str) -> None:
        node = self.server.nodes[path]
        node.aces, node.breaks = "", False

    def team(self, name: str, members: Collection[str]) -> None:
        self.server.groups[name] = [f"/principals/users/{one}" for one in members]

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        self.server.nodes[path].locked = locked

    def throttle(self, answers: int) -> None:
        self.server.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        """Return whether the server gives the file to somebody who signs in for it."""
        login = b64encode(f"{who}:{password_of(who)}".encode()).decode()
        host = urlsplit(self.server.url).netloc
        with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.request("GET", f"/files/{quote(path)}", headers={"Authorization": f"Basic {login}"})
            return connection.getresponse().status == 200

    def close(self) -> None:
        self._stack.close()


def ace(what: str, who: str, privilege: str = "read") -> str:
    """Return an entry: `who` is an account, `@GROUP`, or what stands in the place of a link."""
    principal = who
    if not who.startswith("<"):
        kind = "groups" if who.startswith("@") else "users"
        principal = f"<href>/principals/{kind}/{who.lstrip('@')}</href>"
    granted = f"<{what}><privilege><{privilege}/></privilege></{what}>"
    return f"<ace><principal>{principal}</principal>{granted}</ace>"
