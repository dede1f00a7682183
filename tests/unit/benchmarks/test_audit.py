"""`muniment bench audit` writes entries as searches write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import audit


def test_its_entries_have_the_members_of_those_of_a_search(workspace: Any, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    assert workspace.search("canteen", "alice").passages
    [real, *_] = workspace.audit.query(kind="retrieval.chunk")
    made = audit.chunk(7)
    assert made.kind == real.kind
    assert {name: type(value) for name, value in made.about.items() if name != "revisions"} == {
        name: type(value) for name, value in real.about.items() if name != "revisions"
    }
    assert len(made.about["chunk"]) == len(real.about["chunk"])
