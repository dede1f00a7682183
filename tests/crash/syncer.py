"""A process that reads a source, and is killed at a commit or from outside.

Run as `python -m tests.crash.syncer HOME WORK AT`. WORK is `sync` or `remove`. With AT above 0 it kills itself just
after its commit of that number, with AT below just before it; with 0 it works until it is done or killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.sources.memory_source import KIND, WORLDS, MemoryScene

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources import kinds

SOURCE = "wiki"
COUNT = 8
PEOPLE = ("alice", "bob", "carol")
FIRST = {number: PEOPLE[: number % 3 + 1] for number in range(COUNT)}
"""Who reads each item before; afterwards the next of them, alone."""


def readers(number: int, later: bool) -> set[str]:
    """Return whom the source lets read an item, before and after it changed."""
    return {PEOPLE[(number + 1) % 3]} if later else set(FIRST[number])


def source(later: bool) -> MemoryScene:
    """Make the source as it is before or after it changed; always of one name."""
    made = MemoryScene()
    WORLDS.pop(made.name)
    made.name = "steady"
    WORLDS[made.name] = made.world
    made.settings = {**made.settings, "root": made.name}
    for number in range(COUNT):
        made.put(f"files/{number}.md", f"Quince item{number} as it was.\n")
        made.allow(f"files/{number}.md", readers(number, False))
    if later:
        made.team("engineering", ["carol"])
        for number in range(COUNT):
            made.allow(f"files/{number}.md", readers(number, True), deny=["zoe"])
        for number in range(0, COUNT, 2):
            made.put(f"files/{number}.md", f"Medlar item{number} as it is.\n")
        made.remove("files/3.md")
    return made


def work(workspace: Workspace, what: str) -> None:
    """Read the source to its end, or remove it."""
    if what == "remove":
        if any(row.connected.name == SOURCE for row in workspace.sources.listing()):
            workspace.sources.remove(SOURCE, OPERATOR)
        return
    workspace.sources.sync_access(SOURCE, OPERATOR)
    workspace.sources.sync_content(SOURCE, OPERATOR)


def ending(workspace: Workspace, at: int, end: Callable[[], None]) -> None:
    """Have the process end at a commit."""
    database: Any = workspace.database
    inner = database.inner if hasattr(database, "inner") else database
    write, count = inner.write, 0

    @contextmanager
    def counted() -> Generator[sa.Connection]:
        nonlocal count
        with write() as connection:
            yield connection
            count += 1
            if count == -at:
                end()
        if count == at:
            end()

    inner.write = counted


def main(home: str, what: str, at: str) -> None:
    kinds.KINDS[KIND.name] = KIND  # type: ignore[index]
    source(later=True)
    workspace = app.open(home, embedder=lambda: HashedEmbedder(16))
    if int(at):
        ending(workspace, int(at), lambda: os.kill(os.getpid(), signal.SIGKILL))
    os.write(1, b"ready\n")
    work(workspace, what)
    os.write(1, b"done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
