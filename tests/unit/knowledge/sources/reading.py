"""What the engine would hold of a source after passes over its access: enough to ask who reads an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulators.sources.holding import holders_of

from muniment.foundation.clock import Clock, FixedClock
from muniment.foundation.egress import Egress
from muniment.foundation.secret import Secret
from muniment.knowledge.sources import kinds
from muniment.knowledge.sources.connector import CursorLost, Item, Stated
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.syncing.people import Known, known


@dataclass(frozen=True)
class Connected:
    """A connection and what it was made of."""

    connector: Any
    settings: SourceSettings


def connected(kind: str, stated: Mapping[str, object], place: Path, clock: Clock | None = None) -> Connected:
    """Return a connection by these settings."""
    doors = Doors(lambda origins, _: _egress(tuple(origins)), _secret, clock or FixedClock(), place, 1 << 20)
    settings = kinds.settings_of(kind, stated)
    return Connected(kinds.connect(kind, settings, doors), settings)


def _secret(reference: str, _key: str) -> Secret | None:
    return Secret(Path(reference.partition(":")[2]).read_text().strip()) if reference else None


@cache
def _egress(origins: tuple[str, ...]) -> Egress:
    """Reading the authorities takes its time, so that is done once."""
    return Egress(origins)


@dataclass
class Reading:
    """Scopes and items as the pages stated them."""

    of: Connected
    cursor: str = ""
    scopes: dict[str, Stated] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    people: Known = field(default_factory=Known)
    restarts: int = 0

    @property
    def connector(self) -> Any:
        return self.of.connector

    def access(self) -> None:
        """Read accounts and access to the end, as a pass does."""
        self.people = known(self.connector.people(), self.of.settings)
        whole = not self.cursor
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
        """Return the names of those who read an item."""
        holders = holders_of(self.people)
        stated = self.scopes.get(self.items.get(item, ""))
        if stated is None or not stated.clauses:
            return set()
        each = [set[str]().union(*(holders.get(one, set()) for one in clause)) for clause in stated.clauses]
        return {ref.removeprefix("user:") for ref in set.intersection(*each)}
