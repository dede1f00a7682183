"""A damaged index is named, put away and made again from the database, by hand or by the next ingest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import DIRECTORY
from tests.journeys.command import write_documents
from tests.simulators.embedder import HashedEmbedder

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import Conflict
from muniment.foundation.segments import Segments
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.retrieve import INCOMPLETE

WHO = ("alice", "bob", "carol")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return a function that gives a home and its documents, made once for each size of vectors."""
    made: dict[int, Path] = {}

    def template(dimensions: int) -> Path:
        if dimensions not in made:
            base = tmp_path_factory.mktemp("template")
            write_documents(base / "documents")
            (base / "people.toml").write_text(DIRECTORY)
            workspace = app.create(base / "home", embedder=lambda: embedder_of(dimensions))
            workspace.directory.import_file(base / "people.toml", OPERATOR)
            for number in range(3):
                workspace.ingest(base / "documents", "docs")
                text = f"The canteen of evening {number} serves herring.\n"
                if number < 2:
                    (base / f"documents/all/more{number}.txt").write_text(text)
            workspace.close()
            made[dimensions] = base
        return made[dimensions]

    return template


def embedder_of(dimensions: int) -> HashedEmbedder | None:
    return HashedEmbedder(dimensions) if dimensions else None


@pytest.fixture(params=[0, 64], ids=["words", "vectors"])
def ready(
    templates: Callable[[int], Path], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Workspace]:
    base = templates(request.param)
    shutil.copytree(base, tmp_path / "copy")
    workspace = app.open(tmp_path / "copy/home", embedder=lambda: embedder_of(request.param))
    yield workspace
    workspace.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder that `ready` was made of."""
    return tmp_path / "copy/documents"


def reopened(workspace: Workspace) -> Workspace:
    """Return the workspace as another process has it."""
    return app.open(workspace.home, embedder=lambda: workspace.embedder)


def found(workspace: Workspace) -> list[object]:
    given = [workspace.search("canteen on-call heron", who, k=50) for who in WHO]
    return [[(p.path, p.score, p.text) for p in one.passages] for one in given]


def incomplete(workspace: Workspace) -> bool:
    return any(INCOMPLETE in workspace.search("canteen", who).notes for who in WHO)


def names(workspace: Workspace) -> list[str]:
    with workspace.database.read() as connection:
        return [row.name for row in library.segments(connection)]


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(bytes(content))


FAULTS: dict[str, Callable[[Path], object]] = {
    "missing": lambda file: file.unlink(),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "head": lambda file: flip(file, 60),
    "arrays": lambda file: flip(file, file.read_bytes().index(b"}]}") + 30),
    "last byte": lambda file: flip(file, -1),
}


@pytest.mark.parametrize(
    ("fault", "everything"), [*((fault, False) for fault in FAULTS), ("truncated", True)]
)
def test_repair_makes_what_is_damaged_again_and_keeps_the_files(
    ready: Workspace, fault: str, everything: bool
) -> None:
    before = found(ready)
    damaged = names(ready)[: None if everything else 1]
    contents: dict[str, bytes] = {}
    for name in damaged:
        file = ready.segments.path(name)
        FAULTS[fault](file)
        contents[name] = file.read_bytes() if file.exists() else b""
    other = reopened(ready)
    assert [one.name for one in other.upkeep.check() if one.problem] == damaged
    would = other.upkeep.repair(OPERATOR, dry_run=True)
    assert [one.name for one in would.damaged] == damaged and names(other) == names(ready)
    assert not other.segments.quarantined.exists()
    done = other.upkeep.repair(OPERATOR)
    assert done == would and done.documents > 0
    assert found(other) == before == found(ready) and not incomplete(other)
    assert not any(one.problem for one in other.upkeep.check())
    kept = {path.stem: path.read_bytes() for path in other.segments.quarantined.glob("*")}
    assert kept == {name: content for name, content in contents.items() if content}
    put_away = other.audit.query(kind="index.segment_quarantined")
    assert [entry.about["segment"] for entry in put_away] == damaged
    exchanged = other.audit.query(kind="index.segment_exchanged")[-1]
    assert exchanged.about["segments"] == damaged and exchanged.about["replacements"]
    assert other.upkeep.repair(OPERATOR).documents == 0
    assert other.audit.verify().findings == ()
    other.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_search_finds_damaged_is_made_again_by_the_next_ingest(
    ready: Workspace, folder: Path, fault: str
) -> None:
    before = found(ready)
    FAULTS[fault](ready.segments.path(names(ready)[0]))
    other = reopened(ready)
    seen = found(other)
    assert (seen != before) == incomplete(other)
    if seen != before:
        other.ingest(folder, "docs")
        assert found(other) == before and not incomplete(other)
        assert other.audit.query(kind="index.segment_quarantined")
    other.close()


@pytest.mark.parametrize("ready", [64], indirect=True)
def test_a_row_that_a_merge_finds_damaged_stops_no_ingest(ready: Workspace, folder: Path) -> None:
    before = set(names(ready))
    for number in range(4):
        (folder / f"all/late{number}.txt").write_text(f"The canteen of night {number} serves herring.\n")
        ready.ingest(folder, "docs")
        if number == 0:
            (added,) = set(names(ready)) - before
            flip(ready.segments.path(added), -1)
    assert not any(one.problem for one in ready.upkeep.check())
    assert ready.audit.query(kind="index.segment_quarantined")
    assert len(ready.search("canteen", "carol", k=50).passages) == 7


def test_a_document_that_no_segment_holds_is_found_by_repair(ready: Workspace) -> None:
    before = found(ready)
    with ready.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM segment")
    assert ready.upkeep.repair(OPERATOR).documents == 7
    assert found(ready) == before


def test_repair_brings_other_word_rules_up_to_date(ready: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "VERSION", "words-next")
    done = ready.upkeep.repair(OPERATOR)
    assert len(done.stale) == done.segments and not done.damaged
    assert reopened(ready).search("canteen", "carol").passages


def test_repair_waits_for_no_ingest(ready: Workspace) -> None:
    with ready.database.alone("ingest"), pytest.raises(Conflict, match="Another ingest"):
        ready.upkeep.repair(OPERATOR)


def test_a_repair_that_dies_halfway_leaves_the_damage_said_and_the_next_one_ends_it(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found(ready)
    ready.segments.path(names(ready)[0]).write_bytes(b"")
    for step in ("quarantine", "write"):
        with monkeypatch.context() as patched:
            patched.setattr(Segments, step, _out_of_memory)
            with pytest.raises(MemoryError):
                reopened(ready).upkeep.repair(OPERATOR)
        assert incomplete(reopened(ready))
    other = reopened(ready)
    other.upkeep.repair(OPERATOR)
    assert found(other) == before and not incomplete(other)


def _out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


def test_an_ingest_reads_a_few_bytes_of_each_sound_segment(
    ready: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment whose vectors would not open is not noticed, since nothing but its list of documents is read."""
    read: list[str] = []
    opened = Segments.open

    def watched(self: Segments, name: str, kind: str, expected: str, only: object = None) -> object:
        read.append("all" if only is None else "beginning")
        return opened(self, name, kind, expected, only)  # type: ignore[arg-type]

    monkeypatch.setattr(Segments, "open", watched)
    ready.ingest(folder, "docs")
    assert set(read) == {"beginning"} and len(read) == len(names(ready))


def test_segments_with_nothing_live_are_dropped_by_the_next_ingest(ready: Workspace, folder: Path) -> None:
    for file in folder.rglob("*.*"):
        if file.name != "access.toml":
            file.unlink()
    ready.ingest(folder, "docs")
    assert names(ready) == [] and found(ready) == [[], [], []]
