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
