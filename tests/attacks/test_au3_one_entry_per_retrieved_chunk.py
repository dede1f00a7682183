"""AU3: one entry per retrieved chunk with decision and revision, cited or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

QUESTIONS = ("When does the canteen open?", "What is the on-call engineer paid?", "What is the moon made of?")


@pytest.mark.parametrize("who", ["alice", "bob", "carol"])
def test_each_chunk_behind_an_answer_has_its_own_entry(workspace: Any, folder: Path, who: str) -> None:
    workspace.ingest(folder, "acme")
    for question in QUESTIONS:
        start = len(workspace.audit.query(limit=10_000))
        answer = workspace.ask(question, as_=who)
        entries = workspace.audit.query(limit=10_000)[start:]
        chunks = [entry for entry in entries if entry.kind == "retrieval.chunk"]
        considered = answer.lineage["passages"]
        assert [entry.about["chunk"] for entry in chunks] == [passage["chunk"] for passage in considered]
        with workspace.database.read() as connection:
            from muniment.foundation.revisions import current

            now = current(connection)
            policy = workspace.policy.version(connection)
        for entry in chunks:
            assert entry.actor == f"user:{who}"
            assert entry.about["effect"] == "allow"
            assert entry.about["policy"] == policy
            assert entry.about["purpose"] == "answer"
            assert entry.about["revisions"] == {
                "directory": now.directory,
                "access": now.access,
                "content": now.content,
            }
        cited = [passage for passage in considered if passage["cited"]]
        assert bool(cited) == bool(answer.citations)
        kinds = [entry.kind for entry in entries]
        assert kinds[0] == "answer.request" and kinds[-1] == "answer.finished"


def test_a_search_has_one_entry_per_chunk_too(workspace: Any, folder: Path) -> None:
    workspace.ingest(folder, "acme")
    found = workspace.search("canteen weekend", as_="alice")
    chunks = workspace.audit.query(kind="retrieval.chunk", limit=1000)
    assert [entry.about["chunk"] for entry in chunks] == [passage.chunk for passage in found.passages]
    assert len(chunks) == len(found.passages) > 0
