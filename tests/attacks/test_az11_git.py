"""AZ11: whoever cannot read a repository of this machine by its files' rights reads nothing of it here."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.simulators.git_server import Git, git_server
from tests.simulators.posix_tree import PosixTree, posix_tree
from tests.simulators.sources.mirrored import readers_here

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Unavailable
from muniment.governance.identity.principal import OPERATOR

USERS, GROUPS = ("alice", "bob", "carol", "dave"), ("engineers", "sellers")
BATCH, CHANGES, PROVE_CHANGES, PARTS = 10, 40, 10_000, 10
TRUSTED = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
"""Else git works in no repository that was given to another user."""
DIRECTORY = "".join(f'[users.{name}]\nname = "{name}"\ngroups = []\n' for name in USERS)
FOLDER_MODES, FILE_MODES = (0o755, 0o755, 0o750, 0o710, 0o700), (0o644, 0o644, 0o640, 0o604, 0o600)


@dataclass
class Shelf:
    """A bare repository in a tree of files, and what was done to it."""

    tree: PosixTree
    git: Git
    people: Path
    drawn: random.Random
    paths: set[str] = field(default_factory=set)

    @property
    def repository(self) -> Path:
        return self.git.path_of("docs")

    def list_people(self) -> None:
        lines = [
            f"[users.{one}]\nuid = {self.tree.uid(one)}\ngids = {json.dumps(self.tree.groups_of(one))}\n"
            for one in USERS
        ]
        self.people.write_text("".join(lines))

    def change(self) -> None:
        draw, kind = self.drawn.choice, self.drawn.random()
        if kind < 0.15 or not self.paths:
            path = f"docs/{self.drawn.randrange(6)}.md"
            self.git.commit("docs", {path: self.drawn.randbytes(8).hex().encode()})
            self.paths.add(path)
        elif kind < 0.2:
            path = draw(sorted(self.paths))
            self.git.commit("docs", {path: None})
            self.paths.discard(path)
        elif kind < 0.25:
            self.git.git("-C", str(self.repository), "gc", "--quiet")
        elif kind < 0.35:
            who, group = draw(USERS), draw(GROUPS)
            joined = self.tree.gid(group) in self.tree.groups_of(who)
            (self.tree.leave if joined else self.tree.join)(who, group)
            self.list_people()
        else:
            self.change_rights()

    def change_rights(self) -> None:
        draw, kind = self.drawn.choice, self.drawn.random()
        below = [self.repository, *self.repository.rglob("*")]
        seen = [
            one for one in below if one.parts[len(self.repository.parts) :][:1] not in (("hooks",), ("info",))
        ]
        # Most of them, so that somebody reads now and then.
        one = self.repository if kind < 0.3 else draw(seen)
        name = str(one.relative_to(self.tree.folder))
        if kind < 0.7:
            self.tree.chmod(name, draw(FOLDER_MODES if one.is_dir() else FILE_MODES))
        elif kind < 0.85:
            self.tree.chown(name, draw(("root", *USERS)), draw(("root", *GROUPS)))
        else:
            entry = draw([*(f"u:{who}" for who in USERS), *(f"g:{group}" for group in GROUPS)])
            self.tree.setfacl(name, f"{entry}:{draw(['rx', 'r', 'x', '-'])}")
        if self.drawn.random() < 0.1:
            for place in seen:
                os.chmod(place, 0o755 if place.is_dir() else 0o644)

    def reads(self, who: str, path: str) -> bool:
        """Return whether git gives a user a file, run as that user."""
        return self.read(who, path).returncode == 0

    def read(self, who: str, path: str) -> subprocess.CompletedProcess[bytes]:
        """Let a user read a file with git."""
        first, *others = self.tree.groups_of(who)
        return subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(self.repository), "cat-file", "blob", f"main:{path}"],
            env=self.git.environment | {"HOME": "/"},
            cwd="/",
            user=self.tree.uid(who),
            group=first,
            extra_groups=others,
            capture_output=True,
            timeout=20,
        )


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with posix_tree() as tree, git_server(tree.folder) as git:
        for group in GROUPS:
            tree.add_group(group)
        for name in USERS:
            tree.add_user(name)
        git.environment |= TRUSTED
        git.add_repository("docs")
        made = Shelf(tree, git, tmp_path / "people.toml", random.Random())
        made.list_people()
        yield made


@pytest.fixture
def workspace(shelf: Shelf, make_workspace: Callable[..., Workspace]) -> Workspace:
    made = make_workspace(directory=DIRECTORY, clock=FixedClock())
    settings = {"repository": str(shelf.repository), "access": "posix", "people": str(shelf.people)}
    made.sources.add("docs", "git", settings, OPERATOR)
    return made


def churn(shelf: Shelf, workspace: Workspace, changes: int, seed: int) -> tuple[int, int, int]:
    """Change and compare; return how many pairs were compared, who read, and how often we were narrower."""
    shelf.drawn.seed(seed)
    compared = read = narrower = made = 0
    while made < changes:
        for _ in range(min(BATCH, changes - made)):
            shelf.change()
            made += 1
        try:
            workspace.sources.sync_access("docs", OPERATOR)
        except Unavailable:
            assert not shelf.paths
            continue
        readers = readers_here(workspace, "docs", USERS)
        for who in USERS:
            path = shelf.drawn.choice(sorted(shelf.paths or {"docs/none.md"}))
            there, here = shelf.reads(who, path), who in readers.get(path, set())
            assert there or not here, f"{who} reads {path} here alone: {shelf.read(who, path).stderr!r}"
            compared, read, narrower = compared + 1, read + there, narrower + (there and not here)
    return compared, read, narrower


def test_nothing_is_wider_than_the_rights_of_the_repository(shelf: Shelf, workspace: Workspace) -> None:
    compared, _, narrower = churn(shelf, workspace, CHANGES, 3)
    assert compared > narrower


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PARTS))
def test_ten_thousand_changes_leave_nothing_wider(shelf: Shelf, workspace: Workspace, part: int) -> None:
    compared, read, narrower = churn(shelf, workspace, PROVE_CHANGES // PARTS, part)
    print(f"{compared} pairs compared, {read} of them read there, {narrower} narrower here")
    assert read > narrower
