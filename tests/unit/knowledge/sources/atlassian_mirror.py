"""What the engine would hold of a source after passes over its access: enough to ask who reads an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulators.sources.holding import holders_of
from tests.simulators.sources.scene import GUEST, PEOPLE

from muniment.foundation.clock import Clock, FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.secret import Secret
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import Connector, CursorLost, Item, Stated
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.syncing.people import Known, known


def connected(
    kind: str, settings: Mapping[str, object], place: Path, clock: Clock | None = None
) -> Connector:
    """Return a connection to a server."""

    def secret(reference: str, _key: str) -> Secret | None:
        return Secret(Path(reference.partition(":")[2]).read_text().strip()) if reference else None

    doors = Doors(
        lambda origins, private: Egress([] if private else origins, origins if private else []),
        secret,
        clock or FixedClock(),
        place,
        1 << 20,
    )
    return kinds.connect(kind, kinds.settings_of(kind, settings), doors)


@dataclass
class SourceMirror:
    """Scopes and items as the pages stated them."""

    connector: Connector
    kind: str
    settings: Mapping[str, object]
    cursor: str = ""
    scopes: dict[str, Stated] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    people: Known = field(default_factory=Known)
    restarts: int = 0

    def access(self) -> None:
        """Read access to the end, as a pass does."""
        whole = not self.cursor
        self.people = known(self.connector.people(), kinds.settings_of(self.kind, self.settings))
        scopes: dict[str, Stated] = {}
        items: dict[str, str] = {}
        while True:
            try:
                page = self.connector.access(self.cursor)
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
            page = self.connector.changes(cursor)
            found |= {one.path: one for one in page.items}
            cursor = page.cursor
            if not page.more:
                return found

    def readers(self, item: str) -> set[str]:
        """Return the names of those users here who read an item."""
        holders = holders_of(self.people)
        stated = self.scopes.get(self.items.get(item, ""))
        if stated is None or not stated.clauses:
            return set()
        each = [set[str]().union(*(holders.get(entry, set()) for entry in one)) for one in stated.clauses]
        return {ref.removeprefix("user:") for ref in set.intersection(*each)} & {*PEOPLE, GUEST}
