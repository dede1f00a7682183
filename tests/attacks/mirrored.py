"""What muniment lets users read of a connected source, compared with what the source itself lets them read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge import library
from muniment.knowledge.library import DocumentRow
from muniment.knowledge.retrieval.visibility import visible


@dataclass
class Tally:
    """What comparing found."""

    pairs: int = 0
    """Of a user and an item."""
    readable: int = 0
    """Pairs in which the source lets the user read."""
    wider: list[str] = field(default_factory=list[str])
    narrower: Counter[str] = field(default_factory=Counter[str])
    """Why muniment shows less, and how often."""
    seconds: list[float] = field(default_factory=list[float])
    """How long each reading of access took: what a revocation waits for besides the time between them."""

    def said(self) -> str:
        took = sorted(self.seconds)
        return (
            f"{self.pairs} pairs, {self.readable} readable, {len(self.wider)} wider, narrower {dict(self.narrower)}; "
            f"{len(took)} passes, median {took[len(took) // 2]:.3f} s, longest {took[-1]:.3f} s"
        )


class Compared:
    """A workspace that reads a source, and everything that its users were ever let read there."""

    def __init__(self, workspace: Workspace, source: str, users: Iterable[str]) -> None:
        self.workspace, self.source, self.users = workspace, source, list(users)
        self.tally = Tally()
        self._ever: dict[str, set[str]] = {}

    def read_access(self) -> None:
        began = time.perf_counter()
        self.workspace.sources.sync_access(self.source, OPERATOR)
        self.tally.seconds.append(time.perf_counter() - began)

    def read_content(self) -> None:
        self.workspace.sources.sync_content(self.source, OPERATOR)

    def shown(self) -> dict[str, dict[str, DocumentRow]]:
        """Return the documents of the source that each user may read, by path."""
        with self.workspace.database.read() as connection:
            rows = library.documents(connection, self.source)
            found: dict[str, dict[str, DocumentRow]] = {}
            for user in self.users:
                sees = visible(connection, Principal("user", user))
                found[user] = {row.path: row for row in rows if sees.may_read(row)}
        return found

    def compare(
        self,
        now: dict[str, str],
        reads: Callable[[str, str], bool],
        why: Callable[[str, str, bool], str],
    ) -> None:
        """Compare each pair; `now` is the digest of what lies at each path.

        A text counts as wider too where it is an older one that the user was never let read.
        """
        shown = self.shown()
        with self.workspace.database.read() as connection:
            stored = {row.path: row.content_hash for row in library.documents(connection, self.source)}
        tally = self.tally
        for user in self.users:
            for path in {*now, *shown[user]}:
                there = path in now and reads(user, path)
                if there:
                    self._ever.setdefault(now[path], set()).add(user)
                row = shown[user].get(path)
                tally.pairs += 1
                tally.readable += there
                if row is not None and not there:
                    tally.wider.append(f"{user} is shown {path}")
                elif row is not None and user not in self._ever.get(row.content_hash, ()):
                    tally.wider.append(f"{user} is shown an older text of {path}")
                elif row is None and there:
                    tally.narrower[why(user, path, stored.get(path) == now[path])] += 1
