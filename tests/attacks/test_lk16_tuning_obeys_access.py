"""LK16, AZ13: what tuning learns, and all that it shows, comes from what each case's asker may read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.unit.assurance.test_tune import Guessing, cases, documents, tuned

from muniment.app import Workspace
from muniment.foundation.ids import SeededIds
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library
from muniment.knowledge.retrieval.rank import RankingSettings


def world(make: Callable[..., Workspace], base: Path, name: str, hidden: int) -> Workspace:
    workspace = make(name, ids=SeededIds(7), embedder=lambda: Guessing())
    workspace.ingest(documents(base / f"{name}-documents", hidden), "docs")
    return workspace


def test_documents_that_no_asker_may_read_change_nothing_that_tuning_says(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    suite = cases(tmp_path / "cases.jsonl")
    plain = tuned(world(make_workspace, tmp_path, "plain", 0), suite)
    crowded = tuned(world(make_workspace, tmp_path, "crowded", 40), suite)
    assert crowded.as_json() == plain.as_json()
    reader = cases(tmp_path / "sales.jsonl", asker="bob")
    seen = tuned(world(make_workspace, tmp_path, "seen", 40), reader)
    assert seen.measured != plain.measured, "who may read them is measured with them"


def test_an_asker_who_may_not_read_the_right_document_does_not_find_it(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = world(make_workspace, tmp_path, "home", 25)
    lines = (cases(tmp_path / "cases.jsonl").read_text()).splitlines()
    for at, topic in enumerate(line.split("all/")[1].split(".txt")[0] for line in lines):
        lines[at] = lines[at].replace(f"all/{topic}.txt", f"secret/s{at}.txt")
    (tmp_path / "secret.jsonl").write_text("\n".join(lines))
    found = tuned(workspace, tmp_path / "secret.jsonl")
    assert found.measured.ndcg == (0.0, 0.0) and found.measured.recall == (0.0, 0.0) and not found.proven
    with workspace.database.read() as connection:
        hidden = {row.id for row in library.documents(connection) if row.path.startswith("secret/")}
    chunks = workspace.audit.query(kind="retrieval.chunk", limit=10_000)
    assert chunks and hidden.isdisjoint(str(entry.about["document"]) for entry in chunks)


def test_rights_taken_away_are_felt_by_the_next_question_of_a_tuning(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = world(make_workspace, tmp_path, "home", 25)
    principal = workspace.principal("bob")
    asked = ("topicaa again", [RankingSettings()], 30, OPERATOR)
    before = workspace.comparison.orders(principal, *asked)[0]
    workspace.directory.remove_member("sales", "bob", OPERATOR)
    after = workspace.comparison.orders(principal, *asked)[0]
    assert any(path.startswith("secret/") for path in before)
    assert after and not any(path.startswith("secret/") for path in after)
