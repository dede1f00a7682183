"""A Jira under test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.simulators.sources.atlassian_http import TOKEN
from tests.simulators.sources.jira_server import GUESTS, LICENSED, Issue, JiraServer
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources import kinds


class JiraScene:
    """Fills `Scene`: an issue has a security level of its own."""

    kind = kinds.kind_of("jira")
    can = frozenset({"groups", "guests", "throttle"})

    def __init__(self, place: Path, cloud: bool = True) -> None:
        self.server = JiraServer(cloud)
        self.world = self.server.world
        for name in (*PEOPLE, STRANGER):
            self.world.add_user(name)
        self.world.add_user(GUEST, guest=True)
        for name, members in TEAMS.items():
            self.world.groups[name] = set(members)
        self.project = self.world.add_project("DOCS", [("group", LICENSED), ("group", GUESTS)])
        self.project.levels = {}
        self._issues: dict[str, str] = {}
        token = place / "jira-token"
        token.write_text(f"{TOKEN}\n")
        self.settings: Mapping[str, object] = settings_for(self.server, token, whole_seconds=0)

    def put(self, path: str, text: str) -> None:
        if path not in self._issues:
            issue = self.world.add_issue("DOCS", path)
            self._issues[path] = issue.id
            self.allow(path, [])
        self.issue(path).description = text
        self.world.touch(self.issue(path))

    def remove(self, path: str) -> None:
        self.world.issues.pop(self._issues.pop(path))

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        assert not deny
        issue = self.issue(path)
        issue.level = f"2{issue.id}"
        assert self.project.levels is not None
        self.project.levels[issue.level] = [_holder(one) for one in who]
        self.world.touch(issue)

    def inherit(self, path: str) -> None:
        self.issue(path).level = ""
        self.world.touch(self.issue(path))

    def team(self, name: str, members: Collection[str]) -> None:
        self.world.groups[name] = set(members)

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        self.server.http.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        return path in self._issues and self.world.reads(who, self.issue(path))

    def close(self) -> None:
        self.server.close()

    def issue(self, path: str) -> Issue:
        return self.world.issues[self._issues[path]]


def settings_for(server: JiraServer, token: Path, **more: object) -> dict[str, object]:
    """Return the settings by which a server is connected."""
    cloud: dict[str, object] = {
        "user": "reader@acme.example",
        "match": "table",
        "accounts": {f"acc:{name}": name for name in (*PEOPLE, GUEST)},
    }
    own: dict[str, object] = {"edition": "datacenter", "accounts": {GUEST: GUEST}}
    return {
        "site": server.url,
        "token": f"file:{token}",
        "licensed_groups": [LICENSED],
        "guest_groups": [GUESTS],
        **(cloud if server.cloud else own),
        **more,
    }


def _holder(one: str) -> tuple[str, str]:
    if one == "everyone":
        return ("applicationRole", "")
    return ("group", one[1:]) if one.startswith("@") else ("user", one)
