"""AZ9: checking, listing, counting, reading and searching agree on every case of the matrix, and with its truth."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.worlds import File, World, memory_folder, readable_by

from muniment import app
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Denied, NotFound
from muniment.foundation.ids import SeededIds
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal
from muniment.knowledge import changes, library
from muniment.knowledge.retrieval.visibility import visible

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "cases.toml").read_text())["case"]


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with memory_folder() as folder:
        app.create(folder / "template", clock=FixedClock(), ids=SeededIds(1)).close()
        yield folder / "template"


class Matrix:
    """One case, built in a workspace, and the five ways to ask it who reads what."""

    def __init__(self, world: World, case: dict[str, Any]) -> None:
        self.world = world
        self.workspace = world.workspace
        self.case = case
        world.directory(case["directory"])
        lists = {
            path: readable_by(
                *entry.get("allow", []), deny=entry.get("deny", []), label=entry.get("sensitivity")
            )
            for path, entry in case["documents"].items()
        }
        paths = list(lists)
        files = [File(path, f"The matrix speaks of {n}.", lists[path]) for n, path in enumerate(paths)]
        self.ids = dict(zip(paths, world.put(files), strict=True))
        for rule in case.get("by_hand", []):
            self.set_by_hand(rule["at"], readable_by(*rule["allow"], deny=rule.get("deny", [])))
        for path in case.get("removed", []):
            world.remove(path)

    def set_by_hand(self, at: str, access: Any) -> None:
        with self.workspace.database.write() as connection:
            changes.set_override(connection, "files", at, access, "2026-01-05T09:00:00.000Z")

    def everybody(self) -> list[Principal]:
        return self.workspace.directory.principals()

    def expected(self, principal: Principal) -> set[str]:
        return {path for path, readers in self.case["readers"].items() if principal.ref in readers}

    def checked(self, principal: Principal) -> set[str]:
        """One document at a time."""
        found: set[str] = set()
        for path, document in self.ids.items():
            with self.workspace.database.read() as connection:
                row = library.get_document(connection, document)
                if row is not None and visible(connection, principal).may_read(row):
                    found.add(path)
        return found

    def listed(self, principal: Principal) -> set[str]:
        """All documents in one go."""
        with self.workspace.database.read() as connection:
            sees = visible(connection, principal)
            return {row.path for row in library.documents(connection) if sees.may_read(row)}

    def read(self, principal: Principal) -> set[str]:
        """Whole documents."""
        found: set[str] = set()
        for path, document in self.ids.items():
            try:
                self.workspace.reading.read(principal, document, None, Actor(principal.ref, "python"))
            except NotFound:
                continue
            found.add(path)
        return found

    def searched(self, principal: Principal) -> set[str]:
        return {passage.path for passage in self.workspace.search("matrix", principal, k=100).passages}

    def considered(self, principal: Principal) -> set[str]:
        """What an answer was made from."""
        answer = self.workspace.ask("Of what speaks the matrix?", principal)
        by_id = {document: path for path, document in self.ids.items()}
        cited = {by_id[citation.document] for citation in answer.citations}
        passages = {by_id[str(one["document"])] for one in answer.as_json()["lineage"]["passages"]}  # type: ignore[index, call-overload, union-attr]
        assert cited <= passages
        return passages


@pytest.fixture
def matrix(request: pytest.FixtureRequest, template: Path) -> Iterator[Matrix]:
    case: dict[str, Any] = request.param
    world = World.copy(template, template.parent / case["name"].replace(" ", "-"))
    yield Matrix(world, case)
    world.close()


@pytest.mark.parametrize("matrix", CASES, ids=[case["name"] for case in CASES], indirect=True)
def test_every_way_to_ask_gives_the_same_and_the_right_readers(matrix: Matrix) -> None:
    assert set(matrix.case["readers"]) == set(matrix.case["documents"])
    named = {ref for readers in matrix.case["readers"].values() for ref in readers}
    assert named <= {principal.ref for principal in matrix.everybody()}
    for principal in matrix.everybody():
        right = matrix.expected(principal)
        ways = (matrix.checked, matrix.listed, matrix.read, matrix.searched, matrix.considered)
        assert {way.__name__: way(principal) for way in ways} == {way.__name__: right for way in ways}
    for ref in matrix.case.get("refused", []):
        kind, _, name = ref.partition(":")
        stranger = Principal(kind, name)
        for way in (matrix.checked, matrix.listed, matrix.searched, matrix.considered):
            with pytest.raises(Denied):
                way(stranger)
        assert matrix.read(stranger) == set()
