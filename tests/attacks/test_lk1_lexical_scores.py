"""LK1: lexical scores do not move when hidden documents change."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.postgres import BOTH

from muniment.app import Workspace

pytestmark = BOTH

QUERIES = ("heron pump price", "on-call weekend pay", "canteen", "walnut room", "opens at eight")


def observed(workspace: Workspace, who: str) -> list[tuple[object, ...]]:
    """Return everything that a reader sees of the searches, all but the time."""
    seen: list[tuple[object, ...]] = []
    for query in QUERIES:
        found = workspace.search(query, who, k=20)
        seen.append((found.passages, found.notes, dict(found.index)))
    return seen


def test_scores_stand_still_while_hidden_documents_come_change_and_go(
    workspace: Workspace, folder: Path
) -> None:
    workspace.ingest(folder, "docs")
    readers = ("bob", "carol")
    before = {who: observed(workspace, who) for who in readers}
    assert any(passages for passages, *_ in before["bob"])
    chance = random.Random(1)
    words = [
        "heron",
        "pump",
        "price",
        "weekend",
        "canteen",
        "opens",
        "eight",
        "walnut",
        "room",
        "on-call",
        "pay",
    ]
    for step in range(6):
        for at in range(15):
            text = " ".join(chance.choices(words, k=chance.randint(3, 200)))
            (folder / f"engineering/secret/extra{at:02d}.txt").write_text(text + "\n")
        if step % 2:
            (folder / "engineering/oncall.md").write_text(f"# Canteen {step}\n\nHeron pump price.\n")
        if step == 4:
            for file in (folder / "engineering/secret").glob("extra*.txt"):
                file.unlink()
        workspace.ingest(folder, "docs")
        assert {who: observed(workspace, who) for who in readers} == before


def test_the_score_is_that_of_a_library_without_the_hidden_documents(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    from muniment.foundation.ids import SeededIds

    whole, readable = make_workspace("whole", ids=SeededIds(3)), make_workspace("readable", ids=SeededIds(3))
    whole.ingest(folder, "docs")
    for part in ("engineering", "sales", "attic"):
        for file in sorted((folder / part).rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
    readable.ingest(folder, "docs")
    assert observed(whole, "carol") == observed(readable, "carol")
