import os
from pathlib import Path

import pytest

from muniment.foundation.errors import BadInput
from muniment.knowledge.access import NOBODY
from muniment.knowledge.sources import folder as folder_module
from muniment.knowledge.sources.folder import Folder

LIMIT = 1 << 20


def test_files_are_listed_with_the_access_of_their_nearest_manifest(folder: Path) -> None:
    listing = Folder(folder, LIMIT).walk()
    assert [entry.path for entry in listing.files] == [
        "all/canteen.txt",
        "attic/old.md",
        "engineering/oncall.md",
        "engineering/secret/keys.md",
        "sales/prices.csv",
    ]
    assert listing.access("engineering/oncall.md").allow == {"group:engineering"}
    assert listing.access("engineering/secret/keys.md").deny == {"user:alice"}
    assert listing.access("attic/old.md") == NOBODY
    assert listing.problems == []


def test_a_manifest_that_does_not_parse_is_reported_and_means_nobody(folder: Path) -> None:
    (folder / "sales/access.toml").write_text('allow = ["group:sales"\n')
    listing = Folder(folder, LIMIT).walk()
    assert listing.access("sales/prices.csv") == NOBODY
    assert [problem.path for problem in listing.problems] == ["sales/access.toml"]
    assert "line" in listing.problems[0].reason


def test_links_are_reported_and_never_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("outside")
    (folder / "all/link.md").symlink_to(outside)
    (folder / "all/loop").symlink_to(folder)
    listing = Folder(folder, LIMIT).walk()
    assert {problem.path for problem in listing.problems} == {"all/link.md", "all/loop"}
    with pytest.raises(BadInput):
        Folder(folder, LIMIT).read("all/link.md")
    with pytest.raises(BadInput):
        Folder(folder, LIMIT).read("all/loop/sales/prices.csv")


def test_a_linked_manifest_means_nobody(folder: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.toml"
    wide.write_text('allow = ["group:everyone"]')
    (folder / "attic/access.toml").symlink_to(wide)
    assert Folder(folder, LIMIT).walk().access("attic/old.md") == NOBODY


def test_an_oversized_file_is_reported_with_the_limit(folder: Path) -> None:
    with open(folder / "all/huge.txt", "wb") as file:
        file.truncate(2 << 30)
    problems = Folder(folder, LIMIT).walk().problems
    assert [problem.path for problem in problems] == ["all/huge.txt"]
    assert "ingestion.max_file_mb" in problems[0].reason


def test_what_is_stated_of_a_place_is_what_a_walk_finds_there_or_not(folder: Path, tmp_path: Path) -> None:
    (folder / "all/deep/broken").mkdir(parents=True)
    (folder / "all/deep/broken/access.toml").write_text("allow = [")
    (folder / "linked").mkdir()
    (tmp_path / "elsewhere.toml").write_text('allow = ["group:everyone"]')
    (folder / "linked/access.toml").symlink_to(tmp_path / "elsewhere.toml")
    found = Folder(folder, LIMIT)
    listing = found.walk()
    for path in ("all/not/there/yet.md", "all/deep/a.md", "all/deep/broken/a.md", "linked/a.md", "", "x.md"):
        assert found.stated(path).access == listing.access(path), path
    assert found.stated("all/deep/broken/a.md").problem and found.stated("linked/a.md").problem
    assert found.stated("all/deep/a.md").folder == "all"


def test_pipes_and_names_that_are_not_text_are_reported(folder: Path) -> None:
    os.mkfifo(folder / "all/pipe")
    (Path(os.fsdecode(os.fsencode(folder) + b"/all/\xff.md"))).write_text("x")
    reasons = {problem.path: problem.reason for problem in Folder(folder, LIMIT).walk().problems}
    assert "not a plain file" in reasons["all/pipe"]
    assert any("UTF-8" in reason for reason in reasons.values())


def test_very_deep_folders_are_reported_once_and_the_rest_is_read(folder: Path) -> None:
    here = os.open(folder / "all", os.O_RDONLY)
    for _ in range(10_000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    listing = Folder(folder, LIMIT).walk()
    assert len(listing.problems) == 1
    assert "deeper than" in listing.problems[0].reason
    assert len(listing.files) == 5
    _remove_deep(folder / "all")


def _remove_deep(top: Path) -> None:
    """Flatten the chain from above, since no tool takes a path this long."""
    chain = top / "d"
    while True:
        inner = chain / "d"
        if not inner.exists():
            chain.rmdir()
            return
        moved = top / "next"
        inner.rename(moved)
        chain.rmdir()
        moved.rename(chain)


def test_a_file_that_keeps_changing_is_given_up_with_a_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Folder(folder, LIMIT)
    fstat = os.fstat
    path = folder / "all/canteen.txt"

    def changing(handle: int) -> os.stat_result:
        with open(path, "a") as file:
            file.write("more")
        return fstat(handle)

    monkeypatch.setattr(folder_module.os, "fstat", changing)
    with pytest.raises(BadInput, match="changed while it was read"):
        source.read("all/canteen.txt")


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(BadInput, match="/no/such/place"):
        Folder(Path("/no/such/place"), LIMIT)
