"""AZ7: identifiers compare byte for byte; a look-alike is somebody else, which is nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.identity.principal import Principal

DIRECTORY = """
[users."josé"]
groups = ["sales"]
[users.alice]
groups = ["Sales"]
[groups.sales]
[groups.Sales]
"""
LOOKALIKES = [
    "Alice", "ALICE", "alice ", " alice", "alice\u0000", "аlice", "ａlice", "alic\u0435", "alice\u200b", "jose\u0301",
    "JOSÉ", "josé\n", "user:josé",
]  # fmt: skip


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    workspace = make_workspace(directory=DIRECTORY)
    files = {
        "a/access.toml": 'allow = ["user:alice"]',
        "a/one.txt": "The harbour report is for Alice.",
        "b/access.toml": 'allow = ["user:josé"]',
        "b/two.txt": "The harbour report is for José.",
        "c/access.toml": 'allow = ["group:sales"]',
        "c/three.txt": "The harbour report is for sales.",
    }
    for path, text in files.items():
        (tmp_path / "files" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / path).write_text(text, encoding="utf-8")
    workspace.ingest(tmp_path / "files", "s")
    return workspace


def paths(workspace: Workspace, who: str | Principal) -> set[str]:
    return {passage.path for passage in workspace.search("harbour report", who).passages}


def test_each_name_opens_only_its_own(company: Workspace) -> None:
    assert paths(company, "alice") == {"a/one.txt"}
    assert paths(company, "josé") == {"b/two.txt", "c/three.txt"}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_lookalike_is_nobody(company: Workspace, name: str) -> None:
    with pytest.raises(Denied):
        company.search("harbour report", Principal("user", name))
    if not name.startswith("user:"):
        with pytest.raises(BadInput):
            company.search("harbour report", name)


def test_a_group_of_another_case_is_another_group(company: Workspace) -> None:
    assert "c/three.txt" not in paths(company, "alice")
