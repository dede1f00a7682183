"""The index stays in few segments, and merging them changes nothing that a reader sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from muniment.app import Workspace
from muniment.foundation import revisions
from muniment.knowledge import library
from muniment.knowledge.access import AccessList
from muniment.knowledge.ingestion.compaction import FAN_IN, ranked
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.index import Index

EVERYTHING = np.ones(100, np.bool_)


def test_many_small_ingests_leave_few_segments_that_hold_live_rows_only(
    workspace: Workspace, folder: Path
) -> None:
    workspace.ingest(folder, "docs")
    note = folder / "all/note.txt"
    for number in range(4 * FAN_IN):
        note.write_text(f"The walrus of round {number} eats herring.\n")
        workspace.ingest(folder, "docs")
    with workspace.database.read() as connection:
        manifest = library.segments(connection)
        view = Index(workspace.segments).refresh(connection, revisions.current(connection))
    assert len(manifest) < 2 * FAN_IN
    assert sum(row.rows for row in manifest) < view.select(EVERYTHING).size + FAN_IN
    found = workspace.search("walrus", "carol").passages
    assert [p.text.split()[4] for p in found] == [str(4 * FAN_IN - 1)]
    assert found[0].version == 4 * FAN_IN


def test_an_older_reader_still_finds_its_segments_after_a_merge(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    with workspace.database.read() as older:
        then = revisions.current(older)
        for number in range(FAN_IN):
            (folder / f"all/note{number}.txt").write_text(f"The walrus of round {number}.\n")
        workspace.ingest(folder, "docs")
        assert Index(workspace.segments).refresh(older, then).select(EVERYTHING).size


@pytest.mark.parametrize("fault", ["altered", "other words"])
def test_segments_that_do_not_fit_stop_no_ingest_and_are_made_again(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with monkeypatch.context() as earlier:
        if fault == "other words":
            earlier.setattr(wording, "VERSION", "words-0")
        workspace.ingest(folder, "docs")
        for number in range(FAN_IN - 1):
            (folder / f"all/note{number}.txt").write_text(f"The walrus of round {number}.\n")
            workspace.ingest(folder, "docs")
    if fault == "altered":
        for file in workspace.segments.folder.glob("*.segment"):
            file.write_bytes(b"muniment:AES-256-GCM:1\x00 made by an earlier version")
    for number in range(FAN_IN):
        (folder / f"all/more{number}.txt").write_text(f"The walrus of evening {number}.\n")
        workspace.ingest(folder, "docs")
    with workspace.database.read() as connection:
        view = Index(workspace.segments).refresh(connection, revisions.current(connection))
    assert all(part.segment.wording == wording.VERSION for part in view.parts)
    found = workspace.search("walrus", "carol", k=50).passages
    assert len({passage.path for passage in found}) == len(found) == 2 * FAN_IN - 1


def test_classes_that_share_a_widespread_entry_stand_together() -> None:
    lists = {
        1: AccessList(frozenset({"group:sales", "user:ann"})),
        2: AccessList(frozenset({"group:legal"})),
        3: AccessList(frozenset({"group:sales"})),
        4: AccessList(),
        5: AccessList(frozenset({"group:sales", "group:legal"})),
    }
    order = ranked(lists)
    assert sorted(order, key=order.__getitem__) == [4, 3, 5, 1, 2]
