"""One digest says which corpus an evaluation was run on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.conftest import DIRECTORY

from muniment.app import Workspace
from muniment.assurance.evaluation.suites.snapshot import corpus_digest
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import tables


def digest(workspace: Workspace) -> str:
    with workspace.database.read() as connection:
        return corpus_digest(connection)


def test_equal_corpora_have_one_digest_wherever_they_lie(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    first, second = make_workspace("first"), make_workspace("second")
    assert digest(first) == digest(second)
    first.ingest(folder, "docs")
    assert digest(first) != digest(second)
    second.ingest(folder, "docs")
    assert digest(first) == digest(second)
    second.ingest(folder, "docs")
    assert digest(first) == digest(second)


def test_text_paths_lists_and_people_all_change_it(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    workspace.ingest(folder, "docs")
    seen = [digest(workspace)]

    def changed() -> bool:
        seen.append(digest(workspace))
        return len(set(seen)) == len(seen)

    (folder / "all" / "canteen.txt").write_text("The canteen opens at nine.\n")
    workspace.ingest(folder, "docs")
    assert changed()
    (folder / "all" / "canteen.txt").rename(folder / "all" / "kitchen.txt")
    workspace.ingest(folder, "docs")
    assert changed()
    (folder / "all" / "access.toml").write_text('allow = ["group:engineering"]\n')
    workspace.ingest(folder, "docs")
    assert changed()
    (folder / "all" / "kitchen.txt").unlink()
    workspace.ingest(folder, "docs")
    assert changed()
    people = tmp_path / "people.toml"
    for text in (
        DIRECTORY.replace('groups = ["platform"]', "groups = []"),
        DIRECTORY.replace('groups = ["platform"]', 'groups = []\nclearance = "internal"'),
        DIRECTORY + "[groups.guests]\n",
        DIRECTORY + "[users.dave]\n",
        DIRECTORY.replace('members_of = ["engineering"]', ""),
    ):
        people.write_text(text)
        workspace.directory.import_file(people, OPERATOR)
        assert changed(), text


@pytest.mark.prove
def test_a_hundred_thousand_documents_are_digested_within_a_second(workspace: Workspace) -> None:
    with workspace.database.write() as connection:
        connection.execute(
            sa.insert(tables.source), {"name": "many", "kind": "folder", "location": "", "created_at": ""}
        )
        connection.execute(
            sa.insert(tables.access_class),
            [
                {"id": at, "digest": f"sha256:{at:064x}", "allow": json.dumps([f"user:{at}"]), "deny": "[]"}
                for at in range(1, 501)
            ],
        )
        rows = [
            {
                "id": f"d{at:025}",
                "source": "many",
                "path": f"folder-{at % 300}/below/document-{at}.md",
                "origin": "",
                "state": "live",
                "title": f"Document {at}",
                "media_type": "text/markdown",
                "version": 1 + at % 3,
                "content_hash": f"sha256:{at:064x}",
                "access_class": 1 + at % 500,
                "source_access_class": 1 + at % 500,
                "changed_at": "2026-01-01T00:00:00Z",
            }
            for at in range(100_000)
        ]
        connection.execute(sa.insert(tables.document), rows)
    took: list[float] = []
    # Of this process alone, so that what else the machine does is not measured.
    with workspace.database.read() as connection:
        for _ in range(3):
            began = time.process_time()
            corpus_digest(connection)
            took.append(time.process_time() - began)
    print(f"100,000 documents in {min(took):.2f} s of the processor")
    assert min(took) < 1.0
