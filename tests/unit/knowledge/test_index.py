"""The index follows the library: live versions only, one view per state, altered segments refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.simulators.embedder import HashedEmbedder
from tests.unit.knowledge.indexed import stored

from muniment.app import Workspace
from muniment.foundation import revisions
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval import compiled, embedded, lexical, segment
from muniment.knowledge.retrieval.compiled import Loops
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.vectors import Cosines
from muniment.knowledge.retrieval.view import View

EVERYTHING = np.ones(100, np.bool_)


def view(workspace: Workspace, index: Index) -> View:
    with workspace.database.read() as connection:
        return index.refresh(connection, revisions.current(connection))


def words_of(view: View, term: str) -> int:
    return int(lexical.holding(view.select(EVERYTHING), (term,)).sum())


def test_only_current_versions_of_live_documents_are_rows(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments)
    file = folder / "all/canteen.txt"
    file.write_text("\n\n".join(f"The walrus of week {week} eats herring. " * 20 for week in range(8)))
    workspace.ingest(folder, "docs")
    assert words_of(view(workspace, index), "walrus") > 3
    file.write_text("The refectory opens at nine.\n")
    workspace.ingest(folder, "docs")
    after = view(workspace, index)
    assert (words_of(after, "walrus"), words_of(after, "refectori")) == (0, 1)
    file.unlink()
    workspace.ingest(folder, "docs")
    assert words_of(view(workspace, index), "refectori") == 0


def test_a_change_of_access_keeps_the_segments_and_moves_the_class(
    workspace: Workspace, folder: Path
) -> None:
    index = Index(workspace.segments)
    workspace.ingest(folder, "docs")
    before = view(workspace, index)
    (folder / "all/access.toml").write_text('allow = ["user:bob"]\n')
    workspace.ingest(folder, "docs")
    after = view(workspace, index)
    assert [part.segment for part in after.parts] == [part.segment for part in before.parts]
    assert state(after) != state(before)


def state(view: View) -> list[tuple[str, int]]:
    return sorted(
        (name, int(number))
        for part in view.parts
        for name, number in zip(part.segment.documents, part.extent_classes, strict=True)
        if number >= 0
    )


def test_a_view_made_step_by_step_is_the_one_made_at_once(workspace: Workspace, folder: Path) -> None:
    steady = Index(workspace.segments)

    def compare() -> None:
        made, fresh = view(workspace, steady), view(workspace, Index(workspace.segments))
        assert state(made) == state(fresh) and made.select(EVERYTHING).size == fresh.select(EVERYTHING).size

    workspace.ingest(folder, "docs")
    compare()
    (folder / "all/canteen.txt").write_text("The refectory opens at nine.\n")
    (folder / "all/access.toml").write_text('allow = ["user:bob"]\n')
    workspace.ingest(folder, "docs")
    compare()
    workspace.access.set("docs/all", ["user:alice"], [], OPERATOR)
    compare()
    workspace.access.set("docs/all/canteen.txt", ["user:carol"], [], OPERATOR)
    workspace.access.clear("docs/all", OPERATOR)
    compare()
    (folder / "all/canteen.txt").rename(folder / "engineering/canteen.txt")
    workspace.ingest(folder, "docs")
    compare()
    for file in (folder / "engineering").glob("*.*"):
        file.unlink()
    workspace.ingest(folder, "docs")
    compare()


def test_a_reader_of_an_older_snapshot_gets_the_older_view(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments)
    workspace.ingest(folder, "docs")
    with workspace.database.read() as older:
        then = revisions.current(older)
        workspace.access.set("docs/all", ["user:alice"], [], OPERATOR)
        now = view(workspace, index)
        earlier = index.refresh(older, then)
        again = index.refresh(older, then)
    assert (earlier.access, now.access) == (then.access, then.access + 1)
    assert state(earlier) != state(now) and again is earlier


def test_a_view_is_kept_while_nothing_changes(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments)
    workspace.ingest(folder, "docs")
    assert view(workspace, index) is view(workspace, index)


@pytest.mark.parametrize("worth_it_by", ["rows", "more rows", "searches"])
def test_loops_are_compiled_once_that_is_worth_it_and_answer_the_same(
    make_workspace: Callable[..., Workspace],
    folder: Path,
    machine_code: Loops,
    monkeypatch: pytest.MonkeyPatch,
    worth_it_by: str,
) -> None:
    embedder = HashedEmbedder(64)
    workspace = make_workspace(embedder=lambda: embedder)
    workspace.ingest(folder, "docs")
    monkeypatch.setattr(compiled, "_made", None)
    monkeypatch.setattr(compiled, "_compiled", lambda: machine_code)
    rows = view(workspace, Index(workspace.segments)).rows
    monkeypatch.setattr(embedded, "MANY_ROWS", rows if worth_it_by == "rows" else rows + 1)
    monkeypatch.setattr(embedded, "MANY_SEARCHES", 3 if worth_it_by == "searches" else 1000)

    def found() -> object:
        return workspace.search("canteen weekend", "alice").passages

    before = found()
    workspace.prepare()
    assert (compiled.ready() is machine_code) == (worth_it_by == "rows")
    assert found() == found() == before and len(before) == 2
    assert (compiled.ready() is None) == (worth_it_by != "rows")
    if worth_it_by == "more rows":
        (folder / "all" / "menu.txt").write_text("Soup on Fridays.\n")
        workspace.ingest(folder, "docs")
    before = found()
    for thread in threading.enumerate():
        if thread.name == "compile":
            thread.join(30)
    assert compiled.ready() is machine_code
    assert found() == before


def test_many_small_segments_rank_like_one(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    one, many = make_workspace("one", ids=_ids()), make_workspace("many", ids=_ids())
    root = tmp_path / "texts"
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:everyone"]\n')
    for at in range(12):
        (root / f"note{at:02d}.txt").write_text(
            f"Note {at} speaks of pumps and {'valves ' * (at % 4)} here.\n"
        )
        many.ingest(root, "notes")
    one.ingest(root, "notes")
    found = [
        [(p.path, p.score) for p in workspace.search("pumps valves", "alice", k=12).passages]
        for workspace in (one, many)
    ]
    assert sorted(found[0]) == sorted(found[1]) and len(found[0]) == 12


def test_vectors_of_another_model_take_no_part(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    embedder = HashedEmbedder(64)
    workspace = make_workspace(embedder=lambda: embedder)
    workspace.ingest(folder, "docs")
    selection = view(workspace, Index(workspace.segments)).select(EVERYTHING)
    vector = embedder.embed_query("canteen")
    assert Cosines(selection, vector, embedder.model.digest).has.all() and selection.size
    assert not Cosines(selection, vector, HashedEmbedder(32).model.digest).has.any()


def test_a_damaged_segment_is_left_out_until_its_file_is_back(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments)
    workspace.ingest(folder, "docs")
    file = next(workspace.segments.folder.glob("*.segment"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    damaged = view(workspace, index)
    assert not damaged.parts and damaged.lost and damaged.lacks(EVERYTHING)
    assert not damaged.lacks(np.zeros(100, np.bool_)) and not damaged.lacks(np.zeros(0, np.bool_))
    file.write_bytes(whole)
    workspace.access.set("docs/all", ["user:alice"], [], OPERATOR)
    assert view(workspace, index).parts and not view(workspace, index).lost


def test_a_segment_keeps_what_it_was_given(tmp_path: Path) -> None:
    rows = [
        segment.IndexRow("doc_b", 3, 1, 5, "Title", "Part > One", "body text"),
        segment.IndexRow("doc_a", 1, 0, 9, "", "", "word"),
        segment.IndexRow("doc_b", 3, 0, 5, "", "", "word"),
    ]
    vectors = HashedEmbedder(8).embed_documents([row.body for row in rows])
    made = stored(tmp_path, rows, vectors, "m")
    assert made.documents == ("doc_b", "doc_a") and made.versions.tolist() == [3, 1]
    assert made.extent_starts.tolist() == [0, 2, 3] and made.ordinals.tolist() == [0, 1, 0]
    assert made.block_classes.tolist() == [5, 9] and made.block_starts.tolist() == [0, 2, 3]
    assert made.lengths.tolist() == [[0, 0, 1], [1, 2, 2], [0, 0, 1]]
    assert (made.exact(np.array([1, 2, 0])) == vectors[[0, 1, 2]]).all() and made.model == "m"


def test_a_segment_holds_one_version_of_a_document() -> None:
    rows = [segment.IndexRow("doc_a", version, 0, 1, "", "", "word") for version in (1, 2)]
    with pytest.raises(ValueError, match="one version"):
        segment.contents(rows, None, "")


def _ids() -> object:
    from muniment.foundation.ids import SeededIds

    return SeededIds(7)


def test_nobody_is_an_access_list_too(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    assert not AccessList().permits(frozenset({"group:everyone"}))
    assert not view(workspace, Index(workspace.segments)).select(np.zeros(0, np.bool_)).size
