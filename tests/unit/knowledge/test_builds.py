"""The segments of an index that is being built: merged by themselves, and never switched to where damaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.shelf import model_in_use, put, seen

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedding import Vectors
from muniment.knowledge import library
from muniment.knowledge.index_model import IndexModel

OLD, NEW = HashedEmbedder(), HashedEmbedder(kind="-new")
PAPERS = {"pumps": ["the pump lifts water"], "rain": ["rain fell on the harbour"]}


@pytest.fixture
def building(make_workspace: Callable[..., Workspace]) -> tuple[Workspace, IndexModel, Path]:
    """Return a workspace with a whole build that has one segment, and the file of that."""
    workspace = make_workspace(embedder=lambda: [OLD, NEW])
    put(workspace, PAPERS)
    build = workspace.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    workspace.reembed.step(build, NEW, workspace.reembed.missing(build).missing, OPERATOR)
    with workspace.database.read() as connection:
        (name,) = [
            row.name for row in library.every_segment(connection) if row.generation == build.generation
        ]
    return workspace, build, workspace.segments.path(name)


def damage(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("at", [-1, 100])
def test_a_run_puts_it_in_quarantine_and_makes_it_again(
    building: tuple[Workspace, IndexModel, Path], at: int
) -> None:
    workspace, _, file = building
    before = seen(workspace, "bob", "pump water")
    damage(file, at)
    assert seen(workspace, "bob", "pump water") == before and workspace.search("pump", "bob").notes == ()
    (found,) = [one for one in workspace.upkeep.check() if one.problem]
    assert found.name == file.stem
    assert workspace.reembed.run(NEW, OPERATOR).made == 2
    assert [path.stem for path in workspace.segments.quarantined.iterdir()] == [file.stem]
    assert workspace.search("pump", "bob").notes == () and len(seen(workspace, "bob", "pump water")) == 2
    assert not [one for one in workspace.upkeep.check() if one.problem]


def test_it_is_seen_even_just_before_the_switch(building: tuple[Workspace, IndexModel, Path]) -> None:
    workspace, build, file = building
    damage(file, 100)
    assert workspace.reembed.finish(build, NEW, OPERATOR).made == 2
    assert model_in_use(workspace) == NEW.model.digest and len(seen(workspace, "bob", "pump water")) == 2


def test_a_repair_takes_it_out_and_leaves_the_rest_to_the_run(
    building: tuple[Workspace, IndexModel, Path],
) -> None:
    workspace, build, file = building
    damage(file, -1)
    assert [one.name for one in workspace.upkeep.repair(OPERATOR).damaged] == [file.stem]
    assert model_in_use(workspace) == OLD.model.digest and workspace.search("pump", "bob").notes == ()
    assert len(workspace.reembed.missing(build).missing) == 2
    assert workspace.reembed.run(NEW, OPERATOR).made == 2


class Unfit(HashedEmbedder):
    """A model whose every vector is not finite, so that its segments have words alone, as any other's."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.full_like(super().embed_documents(texts), np.nan)


@pytest.mark.parametrize("kind", [HashedEmbedder, Unfit])
def test_segments_of_the_index_in_use_and_of_a_build_are_never_merged(
    make_workspace: Callable[..., Workspace], kind: type[HashedEmbedder]
) -> None:
    old, new = kind(8), kind(16)
    workspace = make_workspace(embedder=lambda: [old, new])
    for path, pieces in PAPERS.items():
        put(workspace, {path: pieces})
    build = workspace.reembed.begin(new.model, OPERATOR)
    assert build is not None
    for name in workspace.reembed.missing(build).missing:
        workspace.reembed.step(build, new, [name], OPERATOR)
    with workspace.database.read() as connection:
        rows = library.every_segment(connection)
    assert sorted(row.generation for row in rows) == [0, 0, build.generation, build.generation]
    assert all((row.model == "") == (kind is Unfit) for row in rows)


def test_many_batches_of_a_build_become_few_segments_and_no_reader_is_told(
    make_workspace: Callable[..., Workspace],
) -> None:
    workspace = make_workspace(embedder=lambda: [OLD, NEW])
    put(workspace, {f"p{number}": ["the pump lifts water"] for number in range(9)})
    before = workspace.search("pump", "bob").revisions
    build = workspace.reembed.begin(NEW.model, OPERATOR)
    assert build is not None
    for name in workspace.reembed.missing(build).missing:
        workspace.reembed.step(build, NEW, [name], OPERATOR)
    with workspace.database.read() as connection:
        built = [row for row in library.every_segment(connection) if row.generation == build.generation]
    assert len(built) < 4 and sum(row.rows for row in built) == 9
    assert workspace.search("pump", "bob").revisions == before
