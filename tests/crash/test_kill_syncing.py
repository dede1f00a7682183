"""SR: kill -9 while a source is read or removed: the next pass ends where an uninterrupted one would, nobody reads in
between what neither state of the source lets them read, and no pass that was killed vouches for anything."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.crash import syncer
from tests.crash.syncer import COUNT, PEOPLE, SOURCE, ending, readers, work
from tests.crash.test_kill_nine import PLACES, ROOT
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.sources.memory_source import KIND, WORLDS

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.outside import Lease
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library, tables
from muniment.knowledge.retrieval import segment
from muniment.knowledge.sources import kinds

KILLS = 1
PROVE_KILLS = 200
FIRST_ROUND = 2
"""Of the pass over access that is killed: one ended before."""


class Killed(BaseException):
    """The process would be no more."""


@dataclass
class Home:
    """A home whose source changed since it was read, and how to have it as it was again."""

    kept: Path
    place: Path

    def again(self) -> Path:
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.kept, self.place)
        return self.place


@pytest.fixture
def home(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
        made = syncer.source(later=False)
        workspace = make_workspace("kept", embedder=lambda: HashedEmbedder(16))
        workspace.sources.add(SOURCE, KIND.name, made.settings, OPERATOR)
        work(workspace, "sync")
        place = workspace.home
        workspace.close()
        syncer.source(later=True)
        yield Home(place, tmp_path / "home")
        WORLDS.pop("steady", None)


def opened(place: Path) -> Workspace:
    return app.open(place, embedder=lambda: HashedEmbedder(16))


def seen(workspace: Workspace, word: str = "item") -> dict[str, dict[str, str]]:
    """Return what each of the people finds: text by path."""
    found: dict[str, dict[str, str]] = {}
    for who in PEOPLE:
        passages = workspace.search("quince medlar item", as_=who, k=50).passages
        found[who] = {one.path: one.text for one in passages if word in one.text}
    return found


def lease(workspace: Workspace) -> Lease | None:
    return workspace.sources.standing(SOURCE).lease


def check_between(workspace: Workspace) -> None:
    """Nobody finds what the source let them read neither before nor after."""
    for who, found in seen(workspace).items():
        for path in found:
            number = int(path.removeprefix("files/").removesuffix(".md"))
            allowed = readers(number, False) | readers(number, True)
            assert who in allowed, f"{who} finds {path}"


def check_whole(workspace: Workspace) -> None:
    """Every live document has its rows once in the index, and every file is named."""
    with workspace.database.read() as connection:
        live = library.with_chunks(connection)
        manifest = library.every_segment(connection)
    held: list[tuple[str, int]] = []
    for row in manifest:
        made = segment.load(workspace.segments.open(row.name, segment.KIND, row.digest))
        held += zip(made.documents, made.versions.tolist(), strict=True)
    current = [(name, version) for name, version in held if name in live and live[name].version == version]
    assert sorted(current) == sorted((name, one.version) for name, one in live.items())
    assert workspace.audit.verify().findings == ()


def expected(home: Home, what: str) -> dict[str, dict[str, str]]:
    workspace = opened(home.again())
    work(workspace, what)
    found = seen(workspace)
    workspace.close()
    if what == "sync":
        everywhere = {path: text for of in found.values() for path, text in of.items()}
        assert len(everywhere) == COUNT - 1
        assert sum(map(len, found.values())) == COUNT - 1
    return found


def go_on(place: Path, what: str, before: Lease | None, wanted: dict[str, dict[str, str]]) -> None:
    """Check what a kill left, work to the end, and check that nothing tells of the kill."""
    workspace = opened(place)
    try:
        check_between(workspace)
        if what == "sync":
            now, access = lease(workspace), workspace.sources.standing(SOURCE).connected.access
            assert (now == before) == (access.round == FIRST_ROUND), (
                "a pass that did not end renewed the lease"
            )
        elif workspace.sources.leaving():
            assert not any(seen(workspace).values())
        if what == "remove":
            for name in workspace.sources.leaving():
                workspace.sources.remove(name, OPERATOR)
        work(workspace, what)
        work(workspace, what)
        assert seen(workspace) == wanted
        check_whole(workspace)
        if what == "remove" and not workspace.sources.listing():
            check_gone(workspace)
    finally:
        workspace.close()


def check_gone(workspace: Workspace) -> None:
    with workspace.database.read() as connection:
        for table in (tables.document_version, tables.chunk):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
        assert library.sources(connection) == []
        assert library.every_segment(connection) == []
    assert workspace.segments.names() == []


def kill_inside(home: Home, what: str, at: int) -> bool:
    """Stop at a commit without ending this process; return whether there was one."""
    place = home.again()
    workspace = opened(place)

    def end() -> None:
        raise Killed

    ending(workspace, at, end)
    try:
        work(workspace, what)
    except Killed:
        return True
    finally:
        database: Any = workspace.database
        getattr(database, "inner", database).__dict__.pop("write", None)
        workspace.close()
    return False


def kill_child(home: Home, what: str, at: int, seconds: float) -> bool:
    """Run the work in a process of its own that is killed; return whether it was, before it was done."""
    said = home.place.with_name("said.txt")
    place = home.again()
    command = [sys.executable, "-m", "tests.crash.syncer", str(place), what, str(at)]
    with open(said, "wb") as out:
        child = subprocess.Popen(command, cwd=ROOT, stdout=out, env={**os.environ, "PYTHONPATH": PLACES})
    deadline = time.monotonic() + 60
    while not said.stat().st_size and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    if not at:
        time.sleep(seconds)
        child.kill()
    child.wait(60)
    return b"done" not in said.read_bytes()


@pytest.mark.parametrize("what", ["sync", "remove"])
def test_work_that_ends_at_a_commit_goes_on(home: Home, what: str) -> None:
    at_commits(home, what, random.Random(4).sample([*range(1, 9), *range(-8, 0)], 2))


@pytest.mark.prove
@pytest.mark.parametrize("what", ["sync", "remove"])
def test_work_that_ends_at_any_commit_goes_on(home: Home, what: str) -> None:
    assert at_commits(home, what, [*range(1, 60), *range(-60, 0)]) > 10


def at_commits(home: Home, what: str, commits: list[int]) -> int:
    wanted, before, killed = expected(home, what), lease_of(home), 0
    for at in commits:
        killed += kill_inside(home, what, at)
        go_on(home.place, what, before, wanted)
    return killed


def lease_of(home: Home) -> Lease | None:
    workspace = opened(home.again())
    try:
        return lease(workspace)
    finally:
        workspace.close()


@pytest.mark.parametrize("kills", [KILLS, pytest.param(PROVE_KILLS, marks=pytest.mark.prove, id="prove")])
def test_a_killed_process_loses_nothing_and_widens_nothing(home: Home, kills: int) -> None:
    rng = random.Random(kills)
    works = ("sync", "remove") if kills > 1 else ("sync",)
    wanted = {what: expected(home, what) for what in works}
    before, killed = lease_of(home), 0
    for number in range(kills):
        what = "remove" if number % 4 == 1 else "sync"
        at = rng.choice([*range(1, 14), *range(-14, 0)]) if number % 2 == 0 else 0
        killed += kill_child(home, what, at, rng.random() * 0.3)
        go_on(home.place, what, before, wanted[what])
    assert killed >= kills * 0.6
