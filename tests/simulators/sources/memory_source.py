"""A source in memory that can do all that a source can: what the engine is tested with."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import Field
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER, TEAMS

from muniment.knowledge.sources.connector import (
    EVERYONE_THERE,
    AccessPage,
    Account,
    Checked,
    Content,
    ContentPage,
    CursorLost,
    Gone,
    Item,
    Notice,
    People,
    Stated,
    Team,
    Throttled,
    Unreadable,
    account,
    team,
)
from muniment.knowledge.sources.kinds import Doors, Kind
from muniment.knowledge.sources.source_settings import SourceSettings

KIND = Kind("memory", "A source in memory.", __name__, proven="itself")
PAGE = 3
WORLDS: dict[str, World] = {}


class Settings(SourceSettings):
    """Of this kind."""

    root: str = Field()


@dataclass
class _Node:
    id: str
    path: str
    text: str = ""
    revision: int = 0
    stated: tuple[frozenset[str], frozenset[str]] | None = None
    locked: bool = False
    linked: bool = False
    changed: int = 0
    """Of content, in the order of all changes."""


@dataclass
class World:
    """What is at the source."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    """By path; a folder is a node without text."""
    teams: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(TEAMS))
    gone: list[tuple[int, str]] = field(default_factory=list)
    serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    throttled: int = 0
    lost_cursors: int = 0
    twice: bool = False
    """Whether each item comes twice."""
    tells_revisions: bool = False
    """Whether access is told with the revision that it is of."""
    fails: str = ""
    """The next request of this name fails for good."""
    asked: list[str] = field(default_factory=list)


class MemoryScene:
    """Fills `Scene`."""

    kind = KIND
    can = frozenset(
        {"groups", "deny", "folders", "break", "move", "links", "guests", "unreadable", "feed", "throttle"}
    )

    def __init__(self) -> None:
        self.name = f"world-{len(WORLDS)}"
        self.world = WORLDS[self.name] = World()
        self.settings: Mapping[str, object] = {"root": self.name, "accounts": {GUEST: GUEST}}

    def put(self, path: str, text: str) -> None:
        node = self._node(path)
        node.text, node.revision = text, node.revision + 1
        node.changed = next(self.world.serial)

    def _node(self, path: str) -> _Node:
        if path not in self.world.nodes:
            self.world.nodes[path] = _Node(f"id-{next(self.world.serial)}", path)
        return self.world.nodes[path]

    def remove(self, path: str) -> None:
        node = self.world.nodes.pop(path)
        self.world.gone.append((next(self.world.serial), node.id))

    def move(self, path: str, to: str) -> None:
        node = self.world.nodes.pop(path)
        node.path, node.changed = to, next(self.world.serial)
        self.world.nodes[to] = node

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        self._node(path).stated = (frozenset(who), frozenset(deny))

    def inherit(self, path: str) -> None:
        self._node(path).stated = None

    def team(self, name: str, members: Collection[str]) -> None:
        self.world.teams[name] = tuple(members)

    def share_by_link(self, path: str) -> None:
        self._node(path).linked = True

    def lock(self, path: str, locked: bool) -> None:
        self._node(path).locked = locked

    def throttle(self, answers: int) -> None:
        self.world.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        node = self.world.nodes.get(path)
        if node is None or not node.text:
            return False
        allow, deny = ruling(self.world, path)
        held = {who, "everyone"} if who != GUEST else {who}
        held |= {f"@{name}" for name, members in self.world.teams.items() if who in members}
        return bool(held & allow) and not held & deny

    def close(self) -> None:
        WORLDS.pop(self.name, None)


def ruling(world: World, path: str) -> tuple[frozenset[str], frozenset[str]]:
    at = path
    while True:
        node = world.nodes.get(at)
        if node is not None and node.stated is not None:
            return node.stated
        if not at:
            return frozenset(), frozenset()
        at = at.rpartition("/")[0]


def connect(settings: SourceSettings, doors: Doors) -> Memory:
    """Return a connection."""
    assert isinstance(settings, Settings)
    return Memory(WORLDS[settings.root])


class Memory:
    """Fills `Connector` and `Notifies`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _ask(self, what: str) -> None:
        self._world.asked.append(what)
        if self._world.throttled:
            self._world.throttled -= 1
            raise Throttled(0.0)
        if self._world.fails == what:
            self._world.fails = ""
            raise Throttled(1e9)

    def check(self) -> Checked:
        self._ask("check")
        return Checked([f"{len(self._world.nodes)} items"])

    def people(self) -> Iterable[People]:
        self._ask("people")
        yield People([Account(one, one) for one in (*PEOPLE, STRANGER)])
        yield People([Account(GUEST, GUEST, guest=True)])
        for name, members in self._world.teams.items():
            yield People(teams=[Team(name, [_entry(one) for one in members])])

    def access(self, cursor: str) -> AccessPage:
        self._ask("access")
        nodes = sorted(self._world.nodes.values(), key=lambda node: node.id)
        start = int(cursor or 0)
        page = nodes[start : start + PAGE]
        scopes: dict[str, Stated] = {}
        items: dict[str, str] = {}
        for node in page:
            allow, deny = ruling(self._world, node.path)
            scopes[node.id] = Stated(
                (frozenset(_entry(one) for one in allow),), frozenset(_entry(one) for one in deny)
            )
            if node.text:
                items[node.id] = node.id
        more = start + PAGE < len(nodes)
        told = {node.id: str(node.revision) for node in page if self._world.tells_revisions}
        return AccessPage(scopes, items, (), str(start + PAGE) if more else "", more, told)

    def changes(self, cursor: str) -> ContentPage:
        self._ask("changes")
        if cursor and self._world.lost_cursors:
            self._world.lost_cursors -= 1
            raise CursorLost("The cursor is too old.")
        since = int(cursor or 0)
        found = sorted(
            (n for n in self._world.nodes.values() if n.text and n.changed > since), key=lambda n: n.changed
        )
        page = found[:PAGE]
        more = len(found) > PAGE
        until = page[-1].changed if more else max([since, *(n.changed for n in found)])
        gone = [name for at, name in self._world.gone if since < at] if not more else []
        listed = [Item(n.id, n.path, str(n.revision)) for n in page]
        top = until if more else max([until, *(at for at, _ in self._world.gone)])
        return ContentPage(listed * (2 if self._world.twice else 1), gone, str(top), more)

    def fetch(self, item: Item) -> Content:
        self._ask("fetch")
        node = next((n for n in self._world.nodes.values() if n.id == item.id), None)
        if node is None:
            raise Gone("It is no more.")
        if node.locked:
            raise Unreadable("It may not be opened.", why="refused")
        return Content(node.text.encode())

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        return Notice() if headers.get("x-secret") == "right" else None

    def close(self) -> None:
        self._world.asked.append("close")


def _entry(one: str) -> str:
    if one == "everyone":
        return EVERYONE_THERE
    return team(one[1:]) if one.startswith("@") else account(one)
