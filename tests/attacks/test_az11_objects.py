"""AZ11 at buckets and WebDAV servers: after any changes there, nobody is shown what the server would refuse."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attacks.mirrored import Compared, Tally
from tests.simulators.sources.dav_acl_scene import DavAclScene, ace
from tests.simulators.sources.s3_scene import S3Scene, end_server
from tests.simulators.sources.scene import GUEST, PEOPLE, TEAMS, Scene
from tests.simulators.sources.webdav_scene import WebdavScene

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

CHANGES, PROVE_CHANGES = 40, int(os.environ.get("AZ11_CHANGES", "10000"))
AT_ONCE, CONTENT_EVERY = 10, 2
USERS = (*PEOPLE, GUEST)
DIRECTORY = "".join(f'[users.{name}]\nname = "{name.title()}"\ngroups = []\n' for name in USERS)
FOLDERS = ["", "a", "a/b", "c d"]
FILES = [f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in ("one.md", "zwei ü.md", "3+%41.md")]
SCENES: dict[str, Callable[[Path], Scene]] = {
    "s3": lambda place: S3Scene(place, "readers"),
    "s3 by tags": lambda place: S3Scene(place, "tags"),
    "webdav": WebdavScene,
    "webdav by lists": DavAclScene,
}
BY_DEFAULT = ["webdav"]


@pytest.fixture(scope="module", autouse=True)
def shared_servers() -> Iterator[None]:
    """End what scenes shared."""
    yield
    end_server()


class World:
    """A source that changes at random."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.random = random.Random(seed)
        self.texts = 0
        self.now: dict[str, str] = {}
        """Digest by path."""
        self.stated: set[str] = set()
        self.team_changed = False
        for path in FILES:
            self.write(path)
            self.allow(path)

    def write(self, path: str) -> None:
        self.texts += 1
        text = f"Report number{self.texts} of the archive.\n"
        self.scene.put(path, text)
        self.now[path] = hashlib.sha256(text.encode()).hexdigest()

    def allow(self, path: str) -> None:
        groups = [f"@{name}" for name in TEAMS] if "groups" in self.scene.can else []
        who = self.random.sample([*USERS, *groups], self.random.randint(0, 3))
        deny = self.random.sample([*USERS, *groups[:1]], int(self.random.random() < 0.3))
        self.scene.allow(path, who, deny)
        self.stated.add(path)

    def step(self) -> None:
        draw, path, kind = self.random, self.random.choice(FILES), self.random.random()
        if path not in self.now:
            self.write(path)
            if "folders" not in self.scene.can:
                self.allow(path)
        elif kind < 0.15 and "folders" in self.scene.can:
            self.allow(draw.choice(FOLDERS[1:]))
        elif kind < 0.25 and path in self.stated and "break" in self.scene.can:
            self.scene.inherit(path)
            self.stated.discard(path)
        elif kind < 0.35 and "groups" in self.scene.can:
            self.scene.team(draw.choice(list(TEAMS)), draw.sample(PEOPLE, draw.randint(0, 3)))
            self.team_changed = True
        elif kind < 0.45 and isinstance(self.scene, DavAclScene):
            self.odd_list(self.scene, path)
        elif kind < 0.55:
            self.write(path)
        elif kind < 0.65:
            # Its readers may change between the two, so that an old list must not meet a new text.
            self.write(path)
            self.allow(path)
        elif kind < 0.75:
            self.remove(path)
        else:
            self.allow(path)

    def remove(self, path: str) -> None:
        if path in self.stated and "break" in self.scene.can:
            self.scene.inherit(path)
        self.stated.discard(path)
        self.scene.remove(path)
        del self.now[path]

    def odd_list(self, scene: DavAclScene, path: str) -> None:
        """State a list of what the RFC allows and few use, in any order."""
        whom = [
            *PEOPLE,
            "@engineering",
            "stranger",
            "<all/>",
            "<authenticated/>",
            "<unauthenticated/>",
            "<self/>",
        ]
        whom += ["<property><owner/></property>", "<property><x/></property>"]
        node = scene.server.nodes[path]
        node.owner = self.random.choice(["", *PEOPLE])
        aces = [
            ace(
                self.random.choice(["grant", "grant", "deny"]),
                self.random.choice(whom),
                self.random.choice(["read", "all", "write", "read-acl"]),
            )
            for _ in range(self.random.randint(0, 4))
        ]
        node.aces = "".join(
            one.replace("<principal>", "<invert><principal>").replace("</principal>", "</principal></invert>")
            if self.random.random() < 0.1
            else one
            for one in aces
        )
        node.breaks = self.random.random() < 0.5
        self.stated.add(path)

    @staticmethod
    def why(user: str, path: str, is_read: bool) -> str:
        return "its list is read more narrowly, or changed with its text" if is_read else "not read yet"


def run(workspace: Workspace, scene: Scene, changes: int, seed: int) -> Tally:
    world = World(scene, seed)
    compared = Compared(workspace, "objects", USERS)
    stated: dict[str, object] = {}
    for batch in range(changes // AT_ONCE + 1):
        for _ in range(AT_ONCE if batch else 0):
            world.step()
        if dict(scene.settings) != stated:
            stated = dict(scene.settings)
            workspace.sources.add("objects", scene.kind.name, stated, OPERATOR)
        compared.read_access()
        # Who joins a group is shown what the group was, as it was last read, until content is read again.
        team_changed, world.team_changed = world.team_changed, False
        if batch and not team_changed:
            compared.compare(world.now, scene.reads, world.why)
        if batch % CONTENT_EVERY == 0 or team_changed:
            compared.read_content()
            compared.compare(world.now, scene.reads, world.why)
    return compared.tally


def played(name: str, workspace: Workspace, place: Path, changes: int, seed: int) -> Tally:
    scene = SCENES[name](place)
    try:
        return run(workspace, scene, changes, seed)
    finally:
        scene.close()


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_nobody_is_shown_what_the_server_would_refuse(
    make_workspace: Callable[..., Workspace], tmp_path: Path, name: str
) -> None:
    tally = played(name, make_workspace(directory=DIRECTORY), tmp_path, CHANGES, seed=5)
    assert not tally.wider
    assert tally.readable > sum(tally.narrower.values())


@pytest.mark.prove
@pytest.mark.parametrize("name", sorted(SCENES))
def test_nobody_is_shown_more_through_ten_thousand_changes(
    make_workspace: Callable[..., Workspace], tmp_path: Path, name: str
) -> None:
    tally = played(name, make_workspace(directory=DIRECTORY), tmp_path, PROVE_CHANGES, seed=6)
    print(name, tally.said())
    assert not tally.wider
