"""What the engine would hold of a source after passes over its access: enough to ask who reads an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.simulators.sources.graph_scene import settings_for
from tests.simulators.sources.graph_server import GraphServer
from tests.simulators.sources.holding import holders_of

from muniment.foundation.clock import Clock, FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.secret import Secret
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import CursorLost, Item, People, Stated
from muniment.knowledge.sources.connectors.graph import Graph
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.syncing.people import known


def connected(server: GraphServer, place: Path, clock: Clock | None = None, **more: object) -> Graph:
    """Return a connection to a server."""

    def secret(reference: str, _key: str) -> Secret | None:
        return Secret(Path(reference.partition(":")[2]).read_text().strip()) if reference else None

    file = place / "secret"
    file.write_text("hush-hush")
    doors = Doors(
        lambda origins, _private: _egress(tuple(origins)),
        secret,
        clock or FixedClock(),
        place,
        1 << 20,
    )
    stated = settings_for(server, file, **more)
    made = kinds.connect("sharepoint", kinds.settings_of("sharepoint", stated), doors)
    assert isinstance(made, Graph)
    return made


@cache
def _egress(origins: tuple[str, ...]) -> Egress:
    """Reading the authorities takes its time, so that is done once."""
    return Egress(origins)


@dataclass
class GraphMirror:
    """Scopes and items as the pages stated them."""

    graph: Graph
    cursor: str = ""
    scopes: dict[str, Stated] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    people: list[People] = field(default_factory=list)
    restarts: int = 0

    def access(self) -> None:
        """Read access to the end, as a pass does."""
        whole = not self.cursor
        self.people = list(self.graph.people())
        scopes: dict[str, Stated] = {}
        items: dict[str, str] = {}
        while True:
            try:
                page = self.graph.access(self.cursor)
            except CursorLost:
                assert self.cursor
                self.cursor, whole, scopes, items = "", True, {}, {}
                self.restarts += 1
                continue
            self.cursor = page.cursor
            scopes |= page.scopes
            items |= page.items
            if not page.more:
                break
        self.scopes = scopes if whole else self.scopes | scopes
        self.items = items if whole else self.items | items

    def content(self) -> dict[str, Item]:
        """Return everything that there is to read, by path."""
        cursor, found = "", dict[str, Item]()
        while True:
            page = self.graph.changes(cursor)
            found |= {one.path: one for one in page.items}
            cursor = page.cursor
            if not page.more:
                return found

    def readers(self, item: str) -> set[str]:
        """Return the names of those who read an item."""
        settings = self.graph._settings
        holders = holders_of(known(self.people or self.graph.people(), settings))
        stated = self.scopes.get(self.items.get(item, ""))
        if stated is None or not stated.clauses:
            return set()
        refs = set[str]().union(*(holders.get(entry, set()) for entry in stated.clauses[0]))
        return {ref.removeprefix("user:") for ref in refs}
