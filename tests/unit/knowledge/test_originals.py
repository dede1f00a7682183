"""The bytes of a PDF are kept beside the version that was read from them, and of nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.fixtures_parse import pdf
from tests.postgres import BOTH
from tests.simulators.web_client import document_id

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import originals
from muniment.knowledge.ingestion.ahead import ahead


def kept(workspace: Workspace, document: str, version: int = 1) -> bytes | None:
    with workspace.database.read() as connection:
        return originals.original(connection, document, version)


@BOTH
def test_each_version_of_a_pdf_keeps_the_bytes_it_was_read_from(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make_workspace()
    first, second = pdf(pages=1), pdf(pages=2)
    file = folder / "all" / "handbook.pdf"
    file.write_bytes(first)
    workspace.ingest(folder, "docs")
    file.write_bytes(second)
    workspace.ingest(folder, "docs")
    handbook = document_id(workspace, "all/handbook.pdf")
    assert [kept(workspace, handbook, n) for n in (1, 2, 3)] == [first, second, None]
    assert kept(workspace, document_id(workspace, "all/canteen.txt")) is None
    with workspace.database.write() as connection:
        gone = sa.text("DELETE FROM document_version WHERE document = :one AND version = 1")
        connection.execute(gone, {"one": handbook})
    assert [kept(workspace, handbook, n) for n in (1, 2)] == [None, second]


@BOTH
def test_a_version_stored_without_its_bytes_gets_them_from_an_ingest_that_finds_the_same(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make_workspace()
    handbook, other = pdf(pages=1), pdf(pages=2)
    (folder / "all" / "handbook.pdf").write_bytes(handbook)
    (folder / "all" / "other.pdf").write_bytes(other)
    workspace.ingest(folder, "docs")
    found = [document_id(workspace, f"all/{name}.pdf") for name in ("handbook", "other")]
    with workspace.database.write() as connection:
        connection.execute(sa.text("DELETE FROM version_original"))
    (folder / "all" / "handbook.pdf").rename(folder / "all" / "moved.pdf")
    (folder / "all" / "other.pdf").write_bytes(handbook + b"\n%")
    before = workspace.audit.query(kind="ingest.finished", limit=10)
    report = workspace.ingest(folder, "docs")
    assert (report.renamed, report.changed) == (1, 1)
    assert [kept(workspace, one, 1) for one in found] == [handbook, None]
    assert kept(workspace, found[1], 2) == handbook + b"\n%"
    workspace.ingest(folder, "docs")
    told = [one.about.get("originals") for one in workspace.audit.query(kind="ingest.finished", limit=10)]
    assert told[len(before) :] == [1, None]


def test_bytes_that_are_not_those_of_the_stored_version_are_not_kept_for_it(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make_workspace()
    file = folder / "all" / "handbook.pdf"
    file.write_bytes(pdf(pages=1))
    workspace.ingest(folder, "docs")
    handbook = document_id(workspace, "all/handbook.pdf")
    with workspace.database.write() as connection:
        connection.execute(sa.text("DELETE FROM version_original"))
        row = originals.lacking(connection, "docs")[0]
        assert not originals.add(connection, replace(row, content_hash="0" * 64), b"other")
        assert not originals.add(connection, replace(row, version=2), b"other")
    file.write_bytes(b"no longer a document")
    report = workspace.ingest(folder, "docs")
    assert report.failed and kept(workspace, handbook) is None


def test_a_large_pdf_is_kept_as_text_alone(
    make_workspace: Callable[..., Workspace], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    (folder / "all" / "handbook.pdf").write_bytes(pdf())
    monkeypatch.setattr(originals, "LARGEST", 100)
    workspace.ingest(folder, "docs")
    found = document_id(workspace, "all/handbook.pdf")
    assert kept(workspace, found) is None
    assert (
        "runs over several lines"
        in workspace.reading.read(workspace.directory.principal("alice"), found, None, OPERATOR).version.text
    )


def test_files_that_wait_to_be_committed_count_by_their_size() -> None:
    made: list[int] = []

    def produce() -> Iterator[bytes]:
        for number in range(20):
            made.append(number)
            yield bytes(8 << 20)

    taken = ahead(produce, len)
    assert len(next(taken)) == 8 << 20
    time.sleep(0.1)
    assert len(made) <= 4
    assert len(list(taken)) == 19
