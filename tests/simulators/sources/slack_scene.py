"""A Slack workspace under test: each path is a channel of its own in which one message was written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER
from tests.simulators.sources.slack_server import BOT, TEAM, TOKEN, Channel, SlackServer

from muniment.foundation.clock import FixedClock
from muniment.knowledge.sources import kinds


class SlackScene:
    """Fills `Scene`."""

    kind = kinds.kind_of("slack")
    can = frozenset({"guests", "throttle", "feed"})
    binds = "account"

    def __init__(self, place: Path, server: SlackServer | None = None) -> None:
        """A server that is given is begun anew, and left running by `close`."""
        self.server = server or SlackServer()
        self._own = server is None
        self.server.renew()
        self.world = self.server.world
        self.now = FixedClock().now().timestamp()
        for name in (*PEOPLE, STRANGER):
            self.world.add_user(name)
        self.world.add_user(GUEST, restricted=True)
        self.settings: Mapping[str, object] = settings_for(self.server, place)

    def put(self, path: str, text: str) -> None:
        channel = self.world.channels.get(path) or self.world.add_channel(path, int(self.now) - 86400)
        if channel.messages:
            self.world.edit(channel.messages[0], text)
        else:
            self.world.say(channel, self.now - 60, "alice", text)

    def remove(self, path: str) -> None:
        self._channel(path).messages.clear()

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        assert not deny
        channel = self._channel(path)
        channel.private = "everyone" not in who
        channel.members = {BOT, *(self.world.users[one].id for one in who if one != "everyone")}

    def inherit(self, path: str) -> None:
        raise NotImplementedError

    def team(self, name: str, members: Collection[str]) -> None:
        raise NotImplementedError

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        raise NotImplementedError

    def throttle(self, answers: int) -> None:
        self.world.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        channel = self.world.channels.get(path)
        return channel is not None and bool(channel.messages) and self.world.reads(who, channel)

    def close(self) -> None:
        if self._own:
            self.server.close()

    def _channel(self, path: str) -> Channel:
        return self.world.channels[path]


def settings_for(server: SlackServer, place: Path, **more: object) -> dict[str, object]:
    """Return the settings by which a server is connected."""
    token = place / "slack-token"
    token.write_text(f"{TOKEN}\n")
    return {
        "workspace": TEAM,
        "token": f"file:{token}",
        "api": f"{server.url}/api",
        "match": "table",
        "accounts": {name: name for name in (*PEOPLE, GUEST)},
        **more,
    }
