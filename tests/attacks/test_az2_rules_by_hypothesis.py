"""AZ2, looked for by Hypothesis: any short history that makes engine and oracle differ is shrunk to its core."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.attacks.oracle import LABELS, Oracle
from tests.attacks.worlds import SOURCE, File, World, memory_folder

from muniment import app
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Denied
from muniment.foundation.ids import SeededIds
from muniment.governance.identity.principal import Principal
from muniment.knowledge import changes, library
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval.visibility import visible

USERS = [f"u{n}" for n in range(4)]
GROUPS = [f"g{n}" for n in range(4)]
FOLDERS = ["", "a", "a/b", "d"]
PATHS = [f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in ("one.txt", "two.txt")]

names = st.sampled_from([*(f"user:{u}" for u in USERS), *(f"group:{g}" for g in GROUPS), "group:everyone"])
labels = st.sampled_from([None, "of another order", *LABELS])
lists = st.builds(AccessList, st.frozensets(names, max_size=3), st.frozensets(names, max_size=2), labels)


class Rights(RuleBasedStateMachine):
    """The same company in a workspace and in the oracle, compared after every change."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.mkdtemp(dir=self.template.parent)
        self.world = World.copy(self.template, Path(self.place) / "home")
        self.oracle = Oracle(parents={group: set() for group in GROUPS})

    def teardown(self) -> None:
        self.world.close()
        shutil.rmtree(self.place)

    def import_directory(self) -> None:
        self.world.directory(self.oracle.directory())

    @initialize()
    def begin(self) -> None:
        self.oracle.users = {user: set() for user in USERS}
        self.import_directory()
        self.is_written(PATHS[0], AccessList(frozenset(), frozenset()))

    @rule(user=st.sampled_from(USERS), groups=st.sets(st.sampled_from(GROUPS), max_size=3))
    def belongs_to(self, user: str, groups: set[str]) -> None:
        self.oracle.users[user] = groups
        self.import_directory()

    @rule(user=st.sampled_from(USERS), level=st.sampled_from([None, *LABELS]))
    def is_cleared_up_to(self, user: str, level: str | None) -> None:
        self.oracle.clearances.pop(user, None)
        if level is not None:
            self.oracle.clearances[user] = level
        self.import_directory()

    @rule(user=st.sampled_from(USERS))
    def leaves(self, user: str) -> None:
        if set(self.oracle.users) != {user} and self.oracle.users.pop(user, None) is not None:
            self.import_directory()

    @rule(at=st.integers(1, len(GROUPS) - 1), data=st.data())
    def nests(self, at: int, data: st.DataObject) -> None:
        self.oracle.parents[GROUPS[at]] = data.draw(st.sets(st.sampled_from(GROUPS[:at]), max_size=2))
        self.import_directory()

    @rule(path=st.sampled_from(PATHS), access=lists)
    def is_written(self, path: str, access: AccessList) -> None:
        self.world.put([File(path, f"The text of {path}.", access)])
        self.oracle.files.add(path)
        self.oracle.manifests[path] = (set(access.allow), set(access.deny), access.sensitivity)

    @rule(place=st.sampled_from([*FOLDERS, *PATHS]), access=lists)
    def is_set_by_hand(self, place: str, access: AccessList) -> None:
        self.set_by_hand(place, access)
        self.oracle.by_hand[place] = (set(access.allow), set(access.deny), access.sensitivity)

    @rule(place=st.sampled_from([*FOLDERS, *PATHS]))
    def is_cleared(self, place: str) -> None:
        self.set_by_hand(place, None)
        self.oracle.by_hand.pop(place, None)

    @precondition(lambda self: self.oracle.files)
    @rule(data=st.data())
    def is_removed(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.oracle.files)))
        self.world.remove(path)
        self.oracle.files.discard(path)

    def set_by_hand(self, place: str, access: AccessList | None) -> None:
        with self.world.workspace.database.write() as connection:
            changes.set_override(connection, SOURCE, place, access, "2026-01-05T09:00:00.000Z")

    @invariant()
    def each_reads_what_the_oracle_says(self) -> None:
        with self.world.workspace.database.read() as connection:
            for user in USERS:
                assert self.listed(connection, user) == self.oracle.readable(user)

    def listed(self, connection: object, user: str) -> set[str]:
        try:
            sees = visible(connection, Principal("user", user))
        except Denied:
            return set()
        return {row.path for row in library.documents(connection) if sees.may_read(row)}


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        app.create(folder / "template", clock=FixedClock(), ids=SeededIds(1), embedder=lambda: None).close()
        yield folder / "template"


def search(template: Path, examples: int, steps: int) -> None:
    Rights.template = template
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.stateful.run_state_machine_as_test(Rights, settings=settings)


def test_no_history_that_hypothesis_tries_tells_the_engine_from_the_oracle(template: Path) -> None:
    search(template, examples=20, steps=40)


@pytest.mark.prove
def test_no_history_of_a_hundred_thousand_steps_does(template: Path) -> None:
    search(template, examples=1000, steps=100)
