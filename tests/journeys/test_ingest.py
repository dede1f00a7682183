"""What an ingest does to what people can read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, Unavailable
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library


def titles(workspace: Workspace, query: str, who: str) -> list[str]:
    return [passage.path for passage in workspace.search(query, who).passages]


def test_each_reader_finds_what_the_manifests_allow(workspace: Workspace, folder: Path) -> None:
    report = workspace.ingest(folder, "docs")
    assert (report.added, report.failed) == (5, ())
    assert titles(workspace, "on-call weekend", "alice") == ["engineering/oncall.md"]
    assert titles(workspace, "on-call weekend", "bob") == []
    assert titles(workspace, "walnut key ceremony", "alice") == []
    assert titles(workspace, "Heron price", "bob") == ["sales/prices.csv"]
    assert titles(workspace, "canteen", "carol") == ["all/canteen.txt"]
    assert all(titles(workspace, "attic old", who) == [] for who in ("alice", "bob", "carol"))


def test_a_second_ingest_reads_only_what_changed(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    (folder / "all/canteen.txt").write_text("The canteen opens at nine.\n")
    (folder / "sales/prices.csv").unlink()
    report = workspace.ingest(folder, "docs")
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 1, 1, 3)
    assert titles(workspace, "canteen nine", "carol") == ["all/canteen.txt"]
    assert titles(workspace, "Heron price", "bob") == []


def test_a_renamed_file_keeps_its_history(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    before = workspace.search("canteen", "carol").passages[0].document
    (folder / "all/canteen.txt").rename(folder / "all/food.txt")
    report = workspace.ingest(folder, "docs")
    after = workspace.search("canteen", "carol").passages[0]
    assert (report.renamed, after.document, after.path) == (1, before, "all/food.txt")


def test_a_file_moved_to_a_stricter_folder_is_gone_for_the_others(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    (folder / "all/canteen.txt").rename(folder / "engineering/canteen.txt")
    workspace.ingest(folder, "docs")
    assert titles(workspace, "canteen", "carol") == []
    assert titles(workspace, "canteen", "alice") == ["engineering/canteen.txt"]


def test_a_new_document_at_an_old_path_inherits_nothing(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    first = workspace.search("canteen", "carol").passages[0].document
    (folder / "all/canteen.txt").unlink()
    workspace.ingest(folder, "docs")
    (folder / "all/canteen.txt").write_text("The canteen serves soup.\n")
    workspace.ingest(folder, "docs")
    assert workspace.search("canteen", "carol").passages[0].document != first


def test_a_manifest_change_alone_is_felt_without_reading_content_again(
    workspace: Workspace, folder: Path
) -> None:
    workspace.ingest(folder, "docs")
    (folder / "sales/access.toml").write_text('allow = ["group:engineering"]\n')
    report = workspace.ingest(folder, "docs")
    assert (report.access_changed, report.changed) == (1, 0)
    assert titles(workspace, "Heron price", "bob") == []
    assert titles(workspace, "Heron price", "alice") == ["sales/prices.csv"]


def test_an_unreadable_document_is_withheld_until_it_can_be_read(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    (folder / "all/canteen.txt").rename(folder / "canteen.keep")
    (folder / "all/canteen.txt").symlink_to(folder / "canteen.keep")
    report = workspace.ingest(folder, "docs")
    assert report.withheld == 1
    assert titles(workspace, "canteen", "carol") == []
    (folder / "all/canteen.txt").unlink()
    (folder / "canteen.keep").rename(folder / "all/canteen.txt")
    workspace.ingest(folder, "docs")
    assert titles(workspace, "canteen", "carol") == ["all/canteen.txt"]


def test_access_set_by_hand_holds_over_manifests_until_cleared(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    workspace.access.set("docs/all", ["group:everyone"], ["user:carol"], OPERATOR)
    assert titles(workspace, "canteen", "carol") == []
    workspace.ingest(folder, "docs")
    assert titles(workspace, "canteen", "carol") == []
    assert titles(workspace, "canteen", "bob") == ["all/canteen.txt"]
    workspace.access.clear("docs/all", OPERATOR)
    assert titles(workspace, "canteen", "carol") == ["all/canteen.txt"]


def test_access_names_that_the_directory_lacks_are_refused(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    with pytest.raises(BadInput, match="user:alice"):
        workspace.access.set("docs/all", ["user:alicia"], [], OPERATOR)
    with pytest.raises(BadInput, match="No document or folder"):
        workspace.access.set("docs/none", ["user:alice"], [], OPERATOR)


def test_every_change_stands_in_the_log(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    workspace.access.set("docs/all/canteen.txt", ["user:bob"], [], OPERATOR)
    kinds = [entry.kind for entry in workspace.audit.tail(100)]
    assert kinds.count("ingest.document") == 5
    assert "access.set" in kinds
    assert workspace.audit.verify().findings == ()


def test_two_ingests_at_once_are_refused(workspace: Workspace, folder: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def pause(_: object) -> None:
        inside.set()
        go_on.wait(20)

    first = threading.Thread(target=lambda: workspace.ingest(folder, "docs", pause))
    first.start()
    inside.wait(20)
    try:
        with pytest.raises(Conflict, match="Another ingest"):
            workspace.ingest(folder, "docs")
    finally:
        go_on.set()
        first.join()
    assert titles(workspace, "canteen", "carol") == ["all/canteen.txt"]


def test_an_interrupted_ingest_goes_on_where_it_was(
    make_workspace: Callable[..., Workspace], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    monkeypatch.setattr("muniment.knowledge.ingestion.indexing.BATCH_DOCUMENTS", 1)

    def interrupt(progress: object) -> None:
        if getattr(progress, "stage", "") == "index" and getattr(progress, "done", 0) >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.ingest(folder, "docs", interrupt)
    report = workspace.ingest(folder, "docs")
    assert report.unchanged >= 2
    assert report.added + report.unchanged == 5


def test_a_dry_run_changes_nothing(workspace: Workspace, folder: Path) -> None:
    report = workspace.ingest(folder, "docs", dry_run=True)
    assert (report.added, report.dry_run) == (5, True)
    with workspace.database.read() as connection:
        assert library.documents(connection) == []


def test_a_full_disk_refuses_cleanly_and_recovers(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    with workspace.database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    (folder / "all/long.txt").write_text("\n\n".join(f"Line {n} of a long text." for n in range(40_000)))
    limit = lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages + 4}")  # noqa: E731
    from sqlalchemy import event

    engine = workspace.database.inner._writer
    workspace.database.close()
    event.listen(engine, "connect", limit)
    with pytest.raises(Unavailable, match="full"):
        workspace.ingest(folder, "docs")
    event.remove(engine, "connect", limit)
    workspace.database.close()
    assert titles(workspace, "canteen", "carol") == ["all/canteen.txt"]
    assert workspace.ingest(folder, "docs").added == 1
    assert workspace.audit.verify().findings == ()


def test_an_entry_that_cannot_be_recorded_gives_no_document(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = workspace.audit.append

    def refuse(connection: object, entries: list[Entry]) -> object:
        if any(entry.kind == "ingest.document" for entry in entries):
            raise Unavailable("The log cannot be written.")
        return append(connection, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace.audit, "append", refuse)
    with pytest.raises(Unavailable):
        workspace.ingest(folder, "docs")
    assert titles(workspace, "canteen", "carol") == []
