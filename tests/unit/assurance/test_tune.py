"""Tuning proposes what serves the askers better, changes nothing by itself, and searches as nobody else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from muniment.app import Workspace
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.tuning.proposal import Proposal
from muniment.assurance.tuning.tune import tune
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedding import EmbeddingModel, Vectors
from muniment.knowledge.retrieval.fuse import FusionSettings

TOPICS = [f"topic{chr(97 + at // 5)}{chr(97 + at % 5)}" for at in range(25)]


class Guessing:
    """An embedder whose vectors say nothing about the text: words alone should be trusted here."""

    model = EmbeddingModel("guessing", "sha256:guessing", 24)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        return self.embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).standard_normal(24).astype(np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def documents(root: Path, hidden: int = 0) -> Path:
    """Documents that everyone may read, and others that name the same topics and that only sales may read."""
    for folder, reader in (("all", "group:everyone"), ("secret", "group:sales")):
        (root / folder).mkdir(parents=True)
        (root / folder / "access.toml").write_text(f'allow = ["{reader}"]\n')
    for at, topic in enumerate(TOPICS):
        (root / "all" / f"{topic}.txt").write_text(
            f"Notes on {topic}: it is rule number {at} of the house.\n"
        )
    for at in range(hidden):
        (root / "secret" / f"s{at}.txt").write_text(f"{TOPICS[at % len(TOPICS)]} {TOPICS[0]} again, {at}.\n")
    return root


def cases(file: Path, asker: str | None = "alice", folder: str = "all", count: int = 25) -> Path:
    lines = [
        {
            "id": f"c{at}",
            **({"asker": asker} if asker else {}),
            "question": f"What is the rule of {topic}?",
            "relevant": [f"{folder}/{topic}.txt"],
        }
        for at, topic in enumerate(TOPICS[:count])
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def tuned(workspace: Workspace, suite: Path, asker: str = "") -> Proposal:
    return tune(
        suite,
        Commission("for the test", OPERATOR),
        database=workspace.database,
        gate=workspace.gate,
        audit=workspace.audit,
        directory=workspace.directory,
        comparison=workspace.comparison,
        rankings=workspace.rankings,
        asker=asker,
    )


@pytest.fixture
def ready(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    workspace = make_workspace(embedder=lambda: Guessing())
    workspace.ingest(documents(tmp_path / "documents"), "docs")
    return workspace


def test_vectors_that_mislead_are_given_less_weight(ready: Workspace, tmp_path: Path) -> None:
    found = tuned(ready, cases(tmp_path / "cases.jsonl"))
    assert found.proven and found.best.fusion.dense < FusionSettings().dense
    before, after = found.measured.ndcg
    assert after > before + 0.2
    assert found.figures["ndcg@10_after"] == round(after, 4) and found.figures["cases"] == 25


def test_nothing_changes_until_it_is_applied(ready: Workspace, tmp_path: Path) -> None:
    before = ready.search("rule of topicaa", "alice")
    found = tuned(ready, cases(tmp_path / "cases.jsonl"))
    assert ready.rankings.in_use().number == 0 and len(ready.rankings.all()) == 1
    same = ready.search("rule of topicaa", "alice")
    assert [p.score for p in same.passages] == [p.score for p in before.passages]
    made = ready.rankings.apply(found.learned, found.present, OPERATOR)
    after = ready.search("rule of topicaa", "alice")
    assert after.passages[0].path == "all/topicaa.txt"
    assert after.index["settings"] == made.name and after.index["fusion"] == made.constants.fusion.name
    assert made.suite == "cases" and made.suite_digest == found.suite_digest


def test_settings_that_were_measured_against_others_are_not_applied(ready: Workspace, tmp_path: Path) -> None:
    found = tuned(ready, cases(tmp_path / "cases.jsonl"))
    ready.rankings.apply(found.learned, found.present, OPERATOR)
    with pytest.raises(Conflict, match="settings 1"):
        ready.rankings.apply(found.learned, found.present, OPERATOR)
    again = tuned(ready, tmp_path / "cases.jsonl")
    assert again.present.number == 1 and not again.proven


def test_the_asker_of_cases_that_name_nobody_is_given(ready: Workspace, tmp_path: Path) -> None:
    suite = cases(tmp_path / "cases.jsonl", asker=None)
    with pytest.raises(BadInput, match=r"cases.jsonl:1: asker is missing"):
        tuned(ready, suite)
    assert tuned(ready, suite, asker="carol").proven
    kinds = ready.audit.query(kind="search.request", limit=1000)
    assert {str(entry.about["principal"]) for entry in kinds} == {"user:carol"}


def test_a_suite_that_cannot_teach_is_refused_with_what_is_wrong(ready: Workspace, tmp_path: Path) -> None:
    few = cases(tmp_path / "few.jsonl", count=19)
    with pytest.raises(BadInput, match=r"Suite few has 19 cases with a relevant document; tuning needs 20"):
        tuned(ready, few)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(BadInput, match="holds no case"):
        tuned(ready, tmp_path / "empty.jsonl")
    with pytest.raises(BadInput, match=r"Case c0: relevant names attic/topicaa.txt"):
        tuned(ready, cases(tmp_path / "gone.jsonl", folder="attic"))
    with pytest.raises(BadInput, match=r"Case c0: No user named 'alcie'"):
        tuned(ready, cases(tmp_path / "who.jsonl", asker="alcie"))
    with pytest.raises(BadInput, match="No user named 'alcie'"):
        tuned(ready, cases(tmp_path / "fine.jsonl"), asker="alcie")
    silent = '{"id": "c", "asker": "alice", "question": "x"}'
    (tmp_path / "none.jsonl").write_text(silent)
    with pytest.raises(BadInput, match=r"none.jsonl:1: no relevant document"):
        tuned(ready, tmp_path / "none.jsonl")


def test_every_search_of_a_tuning_is_recorded_as_its_askers_and_without_text(
    ready: Workspace, tmp_path: Path
) -> None:
    tuned(ready, cases(tmp_path / "cases.jsonl"))
    requests = ready.audit.query(kind="search.request", limit=1000)
    chunks = ready.audit.query(kind="retrieval.chunk", limit=10_000)
    assert len(requests) == 25
    assert {str(entry.about["principal"]) for entry in requests} == {"user:alice"}
    assert {str(entry.about["purpose"]) for entry in [*requests, *chunks]} == {"tune"}
    assert {entry.actor for entry in requests} == {"operator"}
    assert sum(int(str(entry.about["passages"])) for entry in requests) == len(chunks) > 0
    said = json.dumps([dict(entry.about) for entry in [*requests, *chunks]])
    assert not any(topic in said for topic in TOPICS)
    assert ready.audit.verify().ok
