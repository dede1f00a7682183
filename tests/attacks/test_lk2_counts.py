"""LK2: totals, counts and notes are taken after authorisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.postgres import BOTH
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace

pytestmark = BOTH


def fill(folder: Path, hidden: int) -> None:
    for at in range(hidden):
        (folder / f"engineering/secret/canteen{at:03d}.txt").write_text(f"The canteen of floor {at} opens.\n")


@pytest.mark.parametrize("dense", [False, True])
def test_the_number_of_passages_tells_nothing_of_hidden_ones(
    make_workspace: Callable[..., Workspace], folder: Path, dense: bool
) -> None:
    workspace = make_workspace(embedder=(lambda: HashedEmbedder()) if dense else (lambda: None))
    workspace.ingest(folder, "docs")
    before = workspace.search("canteen opens", "carol", k=50)
    fill(folder, 40)
    workspace.ingest(folder, "docs")
    after = workspace.search("canteen opens", "carol", k=50)
    assert after.passages == before.passages and after.notes == before.notes
    assert len(after.passages) == 1


def test_the_log_counts_what_the_reader_was_given(workspace: Workspace, folder: Path) -> None:
    fill(folder, 10)
    workspace.ingest(folder, "docs")
    found = workspace.search("canteen", "carol", k=50)
    request = workspace.audit.query(kind="search.request")[-1]
    chunks = workspace.audit.query(kind="retrieval.chunk")
    assert request.about["passages"] == len(found.passages) == len(chunks) == 1
    assert "canteen" not in str([entry.about for entry in (request, *chunks)])


@pytest.mark.parametrize("dense", [False, True])
def test_one_who_may_read_nothing_gets_nothing_and_no_hint(
    make_workspace: Callable[..., Workspace], folder: Path, dense: bool
) -> None:
    (folder / "all/access.toml").write_text("allow = []\n")
    workspace = make_workspace(embedder=(lambda: HashedEmbedder()) if dense else (lambda: None))
    empty = workspace.search("canteen", "carol")
    workspace.ingest(folder, "docs")
    for query in ("canteen", "zeppelin"):
        found = workspace.search(query, "carol")
        assert (found.passages, found.notes, found.index) == ((), empty.notes, empty.index)
    assert any("words alone" in note for note in empty.notes) is not dense
