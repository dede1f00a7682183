"""LK4: the top k is filled from authorised vectors, however near the hidden ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.postgres import BOTH
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace
from muniment.knowledge.retrieval.segment import embedding_text

pytestmark = BOTH

QUERY = "turbine vibration limit"


@pytest.fixture
def mixed(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    """Return a workspace where 60 hidden documents answer the query better than any of 25 readable ones."""
    root = tmp_path / "mixed"
    for name, allow in (("open", "group:everyone"), ("hidden", "user:bob")):
        (root / name).mkdir(parents=True)
        (root / name / "access.toml").write_text(f'allow = ["{allow}"]\n')
    for at in range(60):
        (root / f"hidden/h{at:02d}.txt").write_text(f"turbine vibration limit {'turbine ' * (at % 3)}\n")
    for at in range(25):
        near = "turbine " if at % 5 == 0 else ""
        (root / f"open/o{at:02d}.txt").write_text(
            f"{near}note {at} about garden {at * 7} and rain {at * 3}\n"
        )
    workspace = make_workspace(embedder=lambda: HashedEmbedder(96))
    workspace.ingest(root, "mixed")
    return workspace


@pytest.mark.parametrize("k", [1, 5, 10, 25])
def test_k_passages_come_back_although_nearer_ones_are_hidden(mixed: Workspace, k: int) -> None:
    found = mixed.search(QUERY, "carol", k=k)
    assert len(found.passages) == k
    assert all(passage.path.startswith("open/") for passage in found.passages)


def test_more_than_there_are_gives_all_that_are_readable(mixed: Workspace) -> None:
    assert len(mixed.search(QUERY, "carol", k=100).passages) == 25


def test_the_order_is_the_exact_one_of_the_readable_vectors(mixed: Workspace) -> None:
    from muniment.inference.embedders import Embedders
    from muniment.knowledge.retrieval.rank import RankingSettings
    from muniment.knowledge.retrieval.retrieval_settings import RetrievalSettings
    from muniment.knowledge.retrieval.retrieve import Retriever

    embedder = HashedEmbedder(96)
    retriever = Retriever(
        database=mixed.database,
        engine=mixed.engine,
        audit=mixed.audit,
        policy=mixed.policy,
        clock=mixed.clock,
        embedders=Embedders.given(embedder),
        settings=RetrievalSettings(RankingSettings("dense")),
    )
    everything = mixed.search(QUERY, "carol", k=100).passages
    texts = [embedding_text(p.title, p.heading, p.text) for p in everything]
    cosines = np.round((embedder.embed_documents(texts) @ embedder.embed_query(QUERY)).astype(np.float64), 7)
    expected = sorted(zip(-cosines, (p.document for p in everything), strict=True))[:10]
    found = retriever.retrieve(mixed.principal("carol"), QUERY, 10, _by(), "search").passages
    assert [p.document for p in found] == [document for _, document in expected]
    assert [p.score for p in found] == pytest.approx([-score for score, _ in expected], abs=1e-6)


def _by() -> object:
    from muniment.governance.audit.entry import Actor

    return Actor("user:carol", "python")
