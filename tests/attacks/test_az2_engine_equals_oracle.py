"""AZ2: over random grants, denies, nesting, moves, deletions and re-creations, the engine equals the oracle."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attacks.oracle import LABELS, Oracle, Rule
from tests.attacks.worlds import memory_folder

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible

STEPS = 2_500
POSTGRES_STEPS = 300
PROVE_STEPS = 1_000_000
USERS = [f"u{n}" for n in range(6)]
GROUPS = [f"g{n}" for n in range(6)]
FOLDERS = ["", "a", "a/b", "a/b/c", "d", "d/e"]
NAMES = ["one.txt", "two.txt", "three.txt"]


class Company:
    """The same company twice: in a workspace and in the oracle."""

    def __init__(self, workspace: Workspace, folder: Path, seed: int) -> None:
        self.workspace = workspace
        self.folder = folder
        self.random = random.Random(seed)
        self.oracle = Oracle()
        for user in USERS:
            self.oracle.users[user] = set(self.random.sample(GROUPS, 2))
        self.oracle.parents = {group: set() for group in GROUPS}
        for place in FOLDERS:
            self.write_file(f"{place}/{NAMES[0]}" if place else NAMES[0])
        for place in FOLDERS[1:]:
            self.write_manifest(place)
        self.import_directory()
        self.sync()

    def entries(self, most: int) -> set[str]:
        known = [f"user:{u}" for u in self.oracle.users] + [f"group:{g}" for g in GROUPS] + ["group:everyone"]
        return set(self.random.sample(known, self.random.randint(0, most)))

    def rule(self, most_allowed: int, most_denied: int) -> Rule:
        label = self.random.choice([None, "of another order", *LABELS])
        return self.entries(most_allowed), self.entries(most_denied), label

    def import_directory(self) -> None:
        file = self.folder.parent / "directory.toml"
        file.write_text(self.oracle.directory())
        self.workspace.directory.import_file(file, OPERATOR)

    def sync(self) -> None:
        report = self.workspace.ingest(self.folder, "s")
        assert not report.failed

    def write_file(self, path: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"The word everywhere stands in {path}, number {self.random.random()}.\n")
        self.oracle.files.add(path)

    def write_manifest(self, place: str) -> None:
        self.oracle.manifests[place] = self.rule(3, 1)
        (self.folder / place / "access.toml").write_text(self.oracle.manifest(place))

    def step(self) -> None:
        draw = self.random.random()
        if draw < 0.1:
            self.set_by_hand()
        elif draw < 0.15:
            self.clear_by_hand()
        elif draw < 0.17:
            self.change_directory()
        elif draw < 0.19:
            self.remove_member()
        elif draw < 0.192:
            self.change_files()
        elif draw < 0.195:
            self.write_manifest(self.random.choice(FOLDERS[1:]))
            self.sync()
        elif draw < 0.22:
            self.check_search(self.random.choice(USERS))
        else:
            self.check_list(self.random.choice(USERS))

    def target(self) -> str:
        places = [p for p in FOLDERS if any(library.is_below(f, p) for f in self.oracle.files)]
        return self.random.choice([*places, *sorted(self.oracle.files)])

    def set_by_hand(self) -> None:
        target, (allow, deny, label) = self.target(), self.rule(3, 2)
        self.workspace.access.set(f"s/{target}".rstrip("/"), allow, deny, OPERATOR, label)
        self.oracle.by_hand[target] = (allow, deny, label)

    def clear_by_hand(self) -> None:
        target = self.target()
        self.workspace.access.clear(f"s/{target}".rstrip("/"), OPERATOR)
        self.oracle.by_hand.pop(target, None)

    def change_directory(self) -> None:
        user = self.random.choice(USERS)
        # A directory file without anybody is refused, so somebody always stays.
        if set(self.oracle.users) - {user} and user in self.oracle.users and self.random.random() < 0.2:
            del self.oracle.users[user]
        else:
            self.oracle.users[user] = set(self.random.sample(GROUPS, self.random.randint(0, 3)))
        self.oracle.clearances.pop(user, None)
        if self.random.random() < 0.3:
            self.oracle.clearances[user] = self.random.choice(LABELS)
        at = self.random.randrange(1, len(GROUPS))
        self.oracle.parents[GROUPS[at]] = set(
            self.random.sample(GROUPS[:at], self.random.randint(0, min(2, at)))
        )
        self.import_directory()

    def remove_member(self) -> None:
        holders = [(user, g) for user, groups in sorted(self.oracle.users.items()) for g in sorted(groups)]
        if not holders:
            return
        user, group = self.random.choice(holders)
        self.workspace.directory.remove_member(group, user, OPERATOR)
        self.oracle.users[user].discard(group)

    def change_files(self) -> None:
        place, name = self.random.choice(FOLDERS), self.random.choice(NAMES)
        path = f"{place}/{name}" if place else name
        draw = self.random.random()
        if path not in self.oracle.files:
            self.write_file(path)
        elif draw < 0.5 and len(self.oracle.files) > 4:
            (self.folder / path).unlink()
            self.oracle.files.discard(path)
        else:
            self.move(path)
        self.sync()

    def move(self, path: str) -> None:
        place = self.random.choice(FOLDERS)
        to = f"{place}/moved-{self.random.randrange(3)}.txt" if place else "moved.txt"
        if to in self.oracle.files:
            return
        (self.folder / path).rename(self.folder / to)
        self.oracle.files.discard(path)
        self.oracle.files.add(to)

    def check_list(self, user: str) -> None:
        with self.workspace.database.read() as connection:
            try:
                sees = visible(connection, Principal("user", user))
            except Denied:
                assert user not in self.oracle.users
                return
            rows = library.documents(connection)
            sees.judge(rows)
            found = {row.path for row in rows if sees.may_read(row)}
        assert found == self.oracle.readable(user)

    def check_search(self, user: str) -> None:
        try:
            found = self.workspace.search("everywhere", user, k=100)
        except BadInput:
            assert user not in self.oracle.users
            return
        # A file that moved and one written in its old place are near-duplicates: one names the other as its twin.
        seen = {passage.document for passage in found.passages}
        seen |= {twin.document for passage in found.passages for twin in passage.twins}
        with self.workspace.database.read() as connection:
            paths = {row.id: row.path for row in library.documents(connection)}
        assert {paths[document] for document in seen} == self.oracle.readable(user)


def run(steps: int, seed: int, home: Path | None = None) -> None:
    with memory_folder() as folder:
        workspace = app.create(home or folder / "home", embedder=lambda: None)
        company = Company(workspace, folder / "files", seed)
        for _ in range(steps):
            company.step()
        for user in USERS:
            company.check_list(user)
            company.check_search(user)
        workspace.close()


def test_engine_equals_oracle_over_random_changes() -> None:
    run(STEPS, seed=2)


@pytest.mark.parametrize("kept_in", ["postgres"], indirect=True)
def test_the_engine_in_postgres_equals_the_oracle(home_of: Callable[[str], Path]) -> None:
    run(POSTGRES_STEPS, seed=3, home=home_of("home"))


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(10))
def test_engine_equals_oracle_over_a_million_changes(seed: int) -> None:
    run(PROVE_STEPS // 10, seed)
