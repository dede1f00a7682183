"""IN5: access that is missing or does not parse means nobody, never everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from muniment.app import Workspace

USERS = ("alice", "bob", "carol", "service:helpdesk")


def seen_by_anyone(workspace: Workspace, query: str) -> bool:
    return any(workspace.search(query, who).passages for who in USERS)


def test_a_folder_without_manifest_is_readable_by_nobody(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "attic")


@pytest.mark.parametrize(
    "manifest",
    [
        b'allow = ["group:everyone"',
        b'allow = "group:everyone"',
        b'allow = ["everyone"]',
        b'alow = ["group:everyone"]',
        b'allow = ["group:everyone"]\nowner = "x"',
        b'allow = ["group:everyone", 1]',
        b"\xff\xfeallow",
        b'allow = ["group:everyone"]\nallow = ["group:everyone"]',
        b"allow = " + b"[" * 5000,
        b"",
    ],
)
def test_a_manifest_that_does_not_parse_is_nobody_from_the_next_ingest(
    workspace: Workspace, folder: Path, manifest: bytes
) -> None:
    workspace.ingest(folder, "docs")
    assert seen_by_anyone(workspace, "canteen")
    (folder / "all/access.toml").write_bytes(manifest)
    report = workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "canteen")
    assert manifest == b"" or [p.path for p in report.failed] == ["all/access.toml"]


def test_a_removed_manifest_is_nobody(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    (folder / "all/access.toml").unlink()
    workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "canteen")


def test_an_entry_that_names_nobody_known_grants_nothing(workspace: Workspace, folder: Path) -> None:
    (folder / "all/access.toml").write_text('allow = ["group:Everyone", "user:CAROL", "group:everyone "]')
    workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "canteen")


def test_a_broken_manifest_below_a_good_one_is_nobody_and_not_the_good_one(
    workspace: Workspace, folder: Path
) -> None:
    below = folder / "all/menu"
    below.mkdir()
    (below / "today.txt").write_text("Dumplings are on the menu.")
    workspace.ingest(folder, "docs")
    assert seen_by_anyone(workspace, "dumplings")
    (below / "access.toml").write_text("allow = [group:everyone]")
    report = workspace.ingest(folder, "docs")
    assert [problem.path for problem in report.failed] == ["all/menu/access.toml"]
    assert not seen_by_anyone(workspace, "dumplings")
    assert seen_by_anyone(workspace, "canteen")
    (below / "access.toml").write_text('allow = ["user:bob"]')
    workspace.ingest(folder, "docs")
    assert seen_by_anyone(workspace, "dumplings")


@pytest.mark.parametrize("kind", ["a folder", "a link", "a broken link", "a huge file"])
def test_what_stands_in_the_place_of_a_manifest_is_nobody(
    workspace: Workspace, folder: Path, tmp_path: Path, kind: str
) -> None:
    (folder / "access.toml").write_text('allow = ["group:everyone"]')
    workspace.ingest(folder, "docs")
    place = folder / "all/access.toml"
    open_to_all = tmp_path / "open.toml"
    open_to_all.write_text('allow = ["group:everyone"]')
    place.unlink()
    if kind == "a folder":
        place.mkdir()
    elif kind == "a huge file":
        place.write_text('allow = ["group:everyone"]\n' + "# filler\n" * 9_000_000)
    else:
        place.symlink_to(open_to_all if kind == "a link" else tmp_path / "absent.toml")
    report = workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "canteen")
    assert any("access.toml" in problem.path for problem in report.failed)


@pytest.mark.parametrize("name", ["ACCESS.TOML", "access.toml.bak", "access.tml", "access.toml "])
def test_a_file_that_is_only_named_like_a_manifest_opens_nothing(
    workspace: Workspace, folder: Path, name: str
) -> None:
    (folder / "attic" / name).write_text('allow = ["group:everyone"]')
    workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "attic")


def test_a_deny_alone_opens_nothing(workspace: Workspace, folder: Path) -> None:
    (folder / "attic/access.toml").write_text('deny = ["user:bob"]')
    workspace.ingest(folder, "docs")
    assert not seen_by_anyone(workspace, "attic")
