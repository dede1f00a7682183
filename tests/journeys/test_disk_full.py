"""WF4: a full disk refuses in one clear line, loses nothing, and after some space is freed the work goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import DIRECTORY
from tests.journeys.command import Command

from muniment import app
from muniment.app import Workspace
from muniment.foundation.errors import Conflict, MunimentError, Unavailable
from muniment.governance.identity.principal import OPERATOR

SIZE = "3m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, where this account may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("mount is not installed")
    if mounted.returncode != 0:
        pytest.skip("this account may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def home(small_disk: Path, folder: Path, tmp_path: Path) -> Path:
    """A workspace on the small disk that holds the folder's documents."""
    home = small_disk / "home"
    workspace = app.create(home, embedder=lambda: None)
    (tmp_path / "people.toml").write_text(DIRECTORY)
    workspace.directory.import_file(tmp_path / "people.toml", OPERATOR)
    workspace.ingest(folder, "docs")
    workspace.close()
    (home / "settings.toml").write_text("[retrieval]\nvectors = false\n")
    return home


def fill(disk: Path, left: int) -> Path:
    """Fill the disk but for about `left` bytes; return the file to be removed."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(b"\x00" * max(0, free - left))
    return filler


def opened(home: Path) -> Workspace:
    return app.open(home, embedder=lambda: None)


def add_long_documents(folder: Path) -> list[str]:
    for n in range(6):
        lines = [f"Line {line} of the walrus report {n}." for line in range(4_000)]
        (folder / f"all/walrus{n}.txt").write_text("\n\n".join(lines))
    return [f"all/walrus{n}.txt" for n in range(6)]


def readable(workspace: Workspace, query: str, who: str = "carol") -> set[str]:
    return {passage.path for passage in workspace.search(query, who, k=100).passages}


@pytest.mark.parametrize("left", [0, 60_000, 900_000])
def test_an_ingest_without_space_refuses_and_loses_nothing(
    home: Path, small_disk: Path, folder: Path, left: int
) -> None:
    add_long_documents(folder)
    workspace = opened(home)
    filler = fill(small_disk, left)
    with pytest.raises(Unavailable) as refused:
        workspace.ingest(folder, "docs")
    line = str(refused.value)
    assert "\n" not in line and "disk space" in line
    filler.unlink()
    assert readable(workspace, "canteen") == {"all/canteen.txt"}
    assert workspace.audit.verify().findings == ()
    workspace.close()


def test_the_work_goes_on_when_space_is_freed(home: Path, small_disk: Path, folder: Path) -> None:
    (folder / "all/canteen.txt").write_text("The canteen opens at nine.\n")
    (folder / "sales/prices.csv").unlink()
    (folder / "engineering/access.toml").write_text('allow = ["user:carol"]\n')
    workspace = opened(home)
    filler = fill(small_disk, 0)
    with pytest.raises(Unavailable):
        workspace.ingest(folder, "docs")
    filler.unlink()
    report = workspace.ingest(folder, "docs")
    assert (report.changed, report.removed, report.access_changed) == (1, 1, 1)
    assert readable(workspace, "canteen nine") == {"all/canteen.txt"}
    assert readable(workspace, "on-call weekend") == {"engineering/oncall.md"}
    assert readable(workspace, "on-call weekend", "alice") == set()
    assert not list(workspace.segments.folder.glob("*.partial"))
    assert workspace.audit.verify().findings == ()
    workspace.close()


def test_a_search_that_cannot_be_recorded_gives_nothing(home: Path, small_disk: Path) -> None:
    workspace = opened(home)
    filler = fill(small_disk, 0)
    given = 0
    refused: MunimentError | None = None
    while refused is None and given < 2_000:
        try:
            given += bool(workspace.search("canteen", "carol").passages)
        except MunimentError as error:
            refused = error
    filler.unlink()
    assert isinstance(refused, Unavailable), "the disk never became full"
    recorded = workspace.audit.query(kind="retrieval.chunk", limit=10_000)
    assert len(recorded) == given
    assert readable(workspace, "canteen") == {"all/canteen.txt"}
    workspace.close()


def test_a_revocation_that_cannot_be_recorded_is_refused_not_half_done(home: Path, small_disk: Path) -> None:
    workspace = opened(home)
    filler = fill(small_disk, 0)
    made = 0
    refused = False
    while not refused and made < 2_000:
        try:
            workspace.access.set("docs/all", ["user:bob"], [], OPERATOR, f"try-{made}")
            made += 1
        except Unavailable:
            refused = True
    filler.unlink()
    assert refused, "the disk never became full"
    assert len(workspace.audit.query(kind="access.set", limit=10_000)) == made
    views = [view.access.sensitivity for view in workspace.access.show("docs/all")]
    assert views == [f"try-{made - 1}" if made else None]
    workspace.access.set("docs/all", ["user:bob"], [], OPERATOR)
    assert readable(workspace, "canteen") == set()
    assert workspace.audit.verify().findings == ()
    workspace.close()


def test_the_command_says_it_in_one_line_and_fails(home: Path, small_disk: Path, folder: Path) -> None:
    add_long_documents(folder)
    muniment = Command(home, settings="")
    filler = fill(small_disk, 100_000)
    ran = muniment("ingest", folder, "--source", "docs")
    assert ran.code == 1
    assert "disk space" in ran.line
    filler.unlink()
    for name in (3, 4, 5):
        (folder / f"all/walrus{name}.txt").unlink()
    assert muniment("search", "canteen", "--as", "carol").code == 0


def test_init_says_so_and_goes_on_later(small_disk: Path) -> None:
    muniment = Command(small_disk / "home")
    filler = fill(small_disk, 12_288)
    ran = muniment("init")
    assert ran.code == 1
    assert "disk space" in ran.line
    assert (small_disk / "home/keys/keyring.json").exists()
    filler.unlink()
    assert muniment("init", "--json").document["created"] is True
    assert muniment("init", "--json").document["created"] is False


@pytest.mark.parametrize("left", [0, 12_288, 200_000])
def test_a_workspace_cannot_be_made_on_a_full_disk_and_can_be_made_later(small_disk: Path, left: int) -> None:
    filler = fill(small_disk, left)
    with pytest.raises(Unavailable) as refused:
        app.create(small_disk / "new", embedder=lambda: None)
    assert "\n" not in str(refused.value)
    filler.unlink()
    workspace = app.create(small_disk / "new", embedder=lambda: None)
    assert [entry.kind for entry in workspace.audit.tail(9)] == ["workspace.created"]
    assert workspace.audit.verify().findings == ()
    workspace.close()
    with pytest.raises(Conflict):
        app.create(small_disk / "new", embedder=lambda: None)


def test_a_workspace_does_not_open_without_space_for_its_write_ahead_log(
    home: Path, small_disk: Path
) -> None:
    filler = fill(small_disk, 0)
    with pytest.raises(Unavailable, match="disk space"):
        opened(home)
    filler.unlink()
    workspace = opened(home)
    assert readable(workspace, "canteen") == {"all/canteen.txt"}
    workspace.close()
