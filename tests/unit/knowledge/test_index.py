"""The index follows the library: live versions only, one view per state, altered segments refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace
from muniment.foundation import revisions
from muniment.foundation.errors import Tampered
from muniment.knowledge.access import AccessList
from muniment.knowledge.retrieval import segment
from muniment.knowledge.retrieval.index import Index, View


def view(workspace: Workspace, index: Index) -> View:
    with workspace.database.read() as connection:
        return index.refresh(connection, revisions.current(connection))


def words_of(view: View, term: str) -> int:
    return len(view.posting(term)[0])


def test_only_current_versions_of_live_documents_are_rows(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments, "")
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


def test_a_change_of_access_keeps_the_rows_and_moves_the_class(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments, "")
    workspace.ingest(folder, "docs")
    before = view(workspace, index)
    (folder / "all/access.toml").write_text('allow = ["user:bob"]\n')
    workspace.ingest(folder, "docs")
    after = view(workspace, index)
    assert after.row_document.tolist() == before.row_document.tolist()
    assert after.document_class.tolist() != before.document_class.tolist()


def test_a_view_is_kept_while_nothing_changes(workspace: Workspace, folder: Path) -> None:
    index = Index(workspace.segments, "")
    workspace.ingest(folder, "docs")
    assert view(workspace, index) is view(workspace, index)


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


def test_an_altered_segment_is_refused(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    file = next(workspace.segments.folder.glob("*.segment"))
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(Tampered):
        workspace.search("canteen", "carol")


def test_vectors_of_another_model_take_no_part(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make_workspace(embedder=lambda: HashedEmbedder(64))
    workspace.ingest(folder, "docs")
    assert bool(view(workspace, Index(workspace.segments, workspace.embedder.model.digest)).has_vector.all())
    other = view(workspace, Index(workspace.segments, HashedEmbedder(32).model.digest))
    assert not other.has_vector.any() and other.size > 0


def test_a_segment_keeps_what_it_was_given() -> None:
    rows = [segment.IndexRow("doc_b", 3, 1, "Title", "Part > One", "body text"), _row("doc_a"), _row("doc_b")]
    vectors = HashedEmbedder(8).embed_documents([row.body for row in rows])
    part = segment.load(segment.arrays(rows, vectors, "m"))
    assert part.documents == ("doc_a", "doc_b")
    assert part.row_document.tolist() == [1, 0, 1]
    assert part.lengths.tolist() == [[1, 2, 2], [0, 0, 1], [0, 0, 1]]
    assert (part.vectors == vectors).all() and part.model == "m"


def _row(document: str) -> segment.IndexRow:
    return segment.IndexRow(document, 1, 0, "", "", "word")


def _ids() -> object:
    from muniment.foundation.ids import SeededIds

    return SeededIds(7)


def test_nobody_is_an_access_list_too(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    assert not AccessList().permits(frozenset({"group:everyone"}))
    assert not view(workspace, Index(workspace.segments, "")).readable(frozenset()).any()
