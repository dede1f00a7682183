"""AZ11: what is read of a folder is shown to nobody whom the system does not let open it, whatever changes there."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attacks.mirrored import Compared, Tally
from tests.simulators.posix_tree import PosixTree, posix_tree

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

CHANGES, AT_ONCE, CONTENT_EVERY = 60, 6, 2
PROVE_CHANGES = 10_000
USERS = ["ann", "ben", "cas", "dee", "eli"]
GROUPS = ["red", "blue", "green"]
FOLDERS = ["", "a", "a/b", "a/b/c", "d", "d/e"]
NAMES = ["one.txt", "two.txt", "three.txt", "four.txt"]
FILE_MODES = [0o600, 0o640, 0o644, 0o660, 0o604, 0o040, 0o004, 0o000, 0o444, 0o400, 0o1644, 0o6755]
FOLDER_MODES = [0o755, 0o750, 0o700, 0o711, 0o710, 0o705, 0o744, 0o1777, 0o2755, 0o751]
DIRECTORY = "".join(f'[users.{name}]\nname = "{name.title()}"\ngroups = []\n' for name in USERS)


class World:
    """A tree that changes at random."""

    def __init__(self, tree: PosixTree, people: Path, seed: int) -> None:
        self.tree, self.people = tree, people
        self.random = random.Random(seed)
        self.texts = 0
        for name in GROUPS:
            tree.add_group(name)
        for name in USERS:
            tree.add_user(name, *self.random.sample(GROUPS, self.random.randint(0, 2)))
        for folder in FOLDERS[1:]:
            tree.make_folder(folder)
        for folder in FOLDERS:
            for name in NAMES:
                self.write(f"{folder}/{name}".lstrip("/"), mode=0o644)
        self.state_people()

    def state_people(self) -> None:
        said = [f"[users.{n}]\nuid = {self.tree.uid(n)}\ngids = {self.tree.groups_of(n)}\n" for n in USERS]
        self.people.write_text("".join(said))

    def text(self) -> bytes:
        self.texts += 1
        return f"Report number{self.texts} of the archive.\n".encode()

    def write(self, path: str, mode: int | None = None) -> None:
        draw = self.random
        self.tree.put(path, self.text(), draw.choice([*USERS, "root"]), draw.choice([*GROUPS, "root"]))
        self.tree.chmod(path, draw.choice(FILE_MODES) if mode is None else mode)

    def files(self) -> dict[str, str]:
        """Return the digest of each plain file by its path."""
        return {
            str(file.relative_to(self.tree.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in self.tree.folder.rglob("*")
            if file.is_file() and not file.is_symlink()
        }

    def entry(self, execute: str) -> str:
        draw = self.random
        perm = draw.choice(["---", "r--", f"r-{execute}", f"--{execute}", "rw-"])
        return draw.choice(
            [f"u:{draw.choice(USERS)}:{perm}", f"g:{draw.choice(GROUPS)}:{perm}", f"m::{perm}", f"o::{perm}"]
        )

    def step(self) -> None:
        draw, tree = self.random, self.tree
        place = f"{draw.choice(FOLDERS)}/{draw.choice(NAMES)}".lstrip("/")
        folder = draw.choice(FOLDERS)
        at = tree.folder / place
        kind = draw.random()
        if kind < 0.06:
            self.change_group()
        elif kind < 0.14:
            tree.chmod(folder, draw.choice(FOLDER_MODES))
        elif kind < 0.18:
            tree.setfacl(folder, *[self.entry("x") for _ in range(draw.randint(1, 2))])
        elif kind < 0.20:
            tree.setfacl(folder, how="-b")
        elif kind < 0.22:
            tree.chown(folder, draw.choice(USERS), draw.choice(GROUPS))
        elif not at.exists() or at.is_symlink():
            at.unlink(missing_ok=True)
            self.write(place)
        elif kind < 0.40:
            tree.chmod(place, draw.choice(FILE_MODES))
        elif kind < 0.55:
            tree.setfacl(place, *[self.entry("-") for _ in range(draw.randint(1, 3))])
        elif kind < 0.60:
            tree.setfacl(place, how="-b")
        elif kind < 0.72:
            tree.chown(place, draw.choice([*USERS, "root"]), draw.choice([*GROUPS, "root"]))
        elif kind < 0.80:
            self.move(at)
        elif kind < 0.85:
            tree.remove(place)
        elif kind < 0.90:
            at.write_bytes(self.text())
        elif kind < 0.94:
            tree.remove(place)
            self.write(place)
        elif kind < 0.97:
            self.link(at)
        else:
            self.swap_folders()

    def change_group(self) -> None:
        user, group = self.random.choice(USERS), self.random.choice(GROUPS)
        if self.tree.gid(group) in self.tree.groups_of(user):
            self.tree.leave(user, group)
        else:
            self.tree.join(user, group)
        self.state_people()

    def move(self, at: Path) -> None:
        to = self.tree.folder / self.random.choice(FOLDERS) / self.random.choice(NAMES)
        if to != at:
            to.unlink(missing_ok=True)
            at.rename(to)

    def link(self, at: Path) -> None:
        """Put a link, of either kind, to another file in the place of one."""
        to = self.tree.folder / self.random.choice(FOLDERS) / self.random.choice(NAMES)
        if to != at and to.is_file() and not to.is_symlink():
            at.unlink()
            os.link(to, at) if self.random.random() < 0.5 else at.symlink_to(to)

    def swap_folders(self) -> None:
        one, two, aside = (self.tree.folder / name for name in ("a/b/c", "d/e", "aside"))
        one.rename(aside)
        two.rename(one)
        aside.rename(two)

    def why(self, user: str, path: str, is_read: bool) -> str:
        """Return why muniment may show less than the system does."""
        if not is_read:
            return "not read yet"
        parts = path.split("/")[:-1]
        if not all(self.tree.can_list(user, "/".join(parts[:n])) for n in range(len(parts) + 1)):
            return "its name is hidden"
        above = [self.tree.folder / "/".join(parts[:n]) for n in range(len(parts) + 1)]
        for one in (*above, self.tree.folder / path):
            if not one.stat().st_mode & 0o070 and "system.posix_acl_access" in os.listxattr(one):
                return "the mask of a list is empty"
        return "access of a changed text"


def run(workspace: Workspace, place: Path, changes: int, at_once: int, seed: int) -> Tally:
    with posix_tree() as tree:
        world = World(tree, place / "people.toml", seed)
        settings = {"root": str(tree.folder), "people": str(world.people)}
        workspace.sources.add("files", "folder", settings, OPERATOR)
        compared = Compared(workspace, "files", USERS)
        compared.read_access()
        compared.read_content()
        compared.compare(world.files(), tree.can_read, world.why)
        for batch in range(changes // at_once):
            for _ in range(at_once):
                world.step()
            compared.read_access()
            compared.compare(world.files(), tree.can_read, world.why)
            if batch % CONTENT_EVERY == CONTENT_EVERY - 1:
                compared.read_content()
                compared.compare(world.files(), tree.can_read, world.why)
    return compared.tally


def test_nobody_is_shown_a_file_that_the_system_does_not_let_them_open(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    tally = run(make_workspace(directory=DIRECTORY), tmp_path, CHANGES, AT_ONCE, seed=11)
    assert not tally.wider
    assert tally.readable > sum(tally.narrower.values())


@pytest.mark.prove
def test_nobody_is_shown_more_through_ten_thousand_changes(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    tally = run(make_workspace(directory=DIRECTORY), tmp_path, PROVE_CHANGES, 20, seed=12)
    print(tally.said())
    assert not tally.wider
