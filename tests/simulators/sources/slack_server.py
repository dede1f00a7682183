"""A server that answers as the public documentation of Slack's Web API says, to an app that was added to channels.

It judges who reads what by its own lists. Pages are small; refusals come with status 200, but for too many requests.
"""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TEAM, TOKEN, BOT = "T0ACME", "xoxb-hush", "U0BOT"
PAGE = 3
Json = dict[str, Any]


@dataclass
class User:
    id: str
    name: str
    restricted: bool = False
    stranger: bool = False
    deleted: bool = False


@dataclass
class Message:
    ts: str
    user: str
    text: str
    edited: str = ""
    replies: list[Message] = field(default_factory=list["Message"])
    extra: Json = field(default_factory=dict)


@dataclass
class Channel:
    id: str
    name: str
    private: bool
    members: set[str]
    """Ids of accounts; the app is one."""
    created: int
    messages: list[Message] = field(default_factory=list[Message])
    extra: Json = field(default_factory=dict)


class World:
    """What is at the service."""

    def __init__(self) -> None:
        self.serial = itertools.count(1)
        self.users: dict[str, User] = {}
        """By name."""
        self.channels: dict[str, Channel] = {}
        """By name."""
        self.throttled = 0
        self.asked: list[str] = []
        self.faults: dict[str, Any] = {}
        """By what an address contains: a body to be sent in the place of the answer."""

    def add_user(self, name: str, restricted: bool = False, stranger: bool = False) -> User:
        self.users[name] = User(f"U0{name.upper()}", name, restricted, stranger)
        return self.users[name]

    def add_channel(self, name: str, created: int, private: bool = True) -> Channel:
        made = Channel(f"C{next(self.serial):06}", name, private, {BOT}, created)
        self.channels[name] = made
        return made

    def say(self, channel: Channel, at: float, user: str, text: str) -> Message:
        said = Message(f"{int(at)}.{next(self.serial):06}", self.users[user].id, text)
        channel.messages.append(said)
        return said

    def edit(self, message: Message, text: str) -> None:
        message.text, message.edited = text, f"{message.ts.partition('.')[0]}.{next(self.serial):06}"

    def reads(self, who: str, channel: Channel) -> bool:
        user = self.users[who]
        if user.deleted:
            return False
        full = not user.restricted and not user.stranger
        return user.id in channel.members or (full and not channel.private)

    # What it prints

    def user(self, one: User) -> Json:
        return {
            "id": one.id,
            "name": one.name,
            "team_id": "T0OTHER" if one.stranger else TEAM,
            "deleted": one.deleted,
            "is_restricted": one.restricted,
            "is_ultra_restricted": False,
            "is_stranger": one.stranger,
            "is_bot": False,
            "profile": {"email": f"{one.name}@acme.example"},
        }

    def channel(self, one: Channel) -> Json:
        return {
            "id": one.id,
            "name": one.name,
            "created": one.created,
            "is_channel": True,
            "is_private": one.private,
            "is_member": BOT in one.members,
            "is_archived": False,
            "is_ext_shared": False,
            **one.extra,
        }

    def message(self, one: Message, thread: str = "") -> Json:
        said: Json = {"type": "message", "ts": one.ts, "user": one.user, "text": one.text, **one.extra}
        if one.edited:
            said["edited"] = {"user": one.user, "ts": one.edited}
        if one.replies or thread:
            said["thread_ts"] = thread or one.ts
        if one.replies:
            said |= {"reply_count": len(one.replies), "latest_reply": one.replies[-1].ts}
        return said


class SlackServer:
    """The running service."""

    def __init__(self) -> None:
        self.renew()
        made = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        self._server = made
        self.url = f"http://127.0.0.1:{made.server_address[1]}"

    def renew(self) -> None:
        """Begin with no channels and nobody."""
        self.world = World()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: SlackServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        world, parts = self.service.world, urlsplit(self.path)
        world.asked.append(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if world.throttled:
            world.throttled -= 1
            return self._send(429, {"ok": False, "error": "ratelimited"}, {"retry-after": "0"})
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._send(200, {"ok": False, "error": "invalid_auth"})
        for held, fault in world.faults.items():
            if held in self.path:
                return self._send(200, fault)
        return self._send(200, self._said(parts.path.removeprefix("/api/"), query))

    def _send(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(text)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def _said(self, method: str, query: dict[str, str]) -> Json:
        world = self.service.world
        if method == "auth.test":
            return {"ok": True, "url": "https://acme.slack.com/", "team_id": TEAM, "user_id": BOT}
        if method == "users.list":
            return _page(query, "members", [world.user(one) for one in world.users.values()])
        if method == "conversations.list":
            listed = [one for one in world.channels.values() if not one.private or BOT in one.members]
            return _page(query, "channels", [world.channel(one) for one in listed])
        channel = next((one for one in world.channels.values() if one.id == query.get("channel")), None)
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        if BOT not in channel.members:
            return {"ok": False, "error": "not_in_channel"}
        if method == "conversations.members":
            return _page(query, "members", sorted(channel.members))
        if method == "conversations.history":
            return self._history(channel, query)
        found = next((one for one in channel.messages if one.ts == query.get("ts")), None)
        if method != "conversations.replies" or found is None:
            return {"ok": False, "error": "thread_not_found"}
        answers = [world.message(one, found.ts) for one in found.replies]
        return _page(query, "messages", [world.message(found), *answers])

    def _history(self, channel: Channel, query: dict[str, str]) -> Json:
        oldest, latest = float(query.get("oldest", 0)), float(query.get("latest", 1e12))
        listed = [one for one in channel.messages if oldest <= float(one.ts) <= latest]
        listed.sort(key=lambda one: float(one.ts), reverse=True)
        return _page(query, "messages", [self.service.world.message(one) for one in listed])


def _page(query: dict[str, str], name: str, found: list[Any]) -> Json:
    start = int(query.get("cursor") or 0)
    more = start + PAGE < len(found)
    said: Json = {"ok": True, name: found[start : start + PAGE], "has_more": more}
    return {**said, "response_metadata": {"next_cursor": str(start + PAGE) if more else ""}}
