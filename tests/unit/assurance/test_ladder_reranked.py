"""The rung with reranking, with the real encoder and cross-encoder over the sample company's documents."""

from __future__ import annotations

import pytest

from benchmarks import laddered as benchmark
from muniment import settings as settings_file
from muniment.app.laddered import laddered, putting
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.release.ladder.ladder import climb
from muniment.assurance.release.ladder.rungs import chosen, rungs_of
from muniment.foundation.shipped import shipped
from muniment.governance.identity.principal import OPERATOR
from muniment.inference import weights

WHY = Commission("for the test", OPERATOR)
FOLDERS = settings_file.weight_folders(settings_file.Settings())


@pytest.mark.prove
@pytest.mark.skipif(weights.find(weights.RERANKING, FOLDERS) is None, reason="needs the reranker's weights")
def test_the_rung_with_reranking_reranks_and_changes_what_is_read() -> None:
    suite = read_suite(shipped("evals/policy-questions"))
    with benchmark.company(weights=True) as workspace:
        ways = chosen(rungs_of(laddered(workspace), suite, OPERATOR), ("retrieval", "reranked"))
        made = climb(suite, ways, putting(workspace, WHY), 8)
    without, reranked = (one.figures for one in made.rungs)
    assert without is not None and reranked is not None
    assert without.reranked == 0 and reranked.reranked == 8 and reranked.p50_ms > without.p50_ms
    orders = [[one.detail["ranked"] for one in rung.run.results] for rung in made.rungs if rung.run]
    assert sum(one != other for one, other in zip(*orders, strict=True)) > 0
    assert str(made.rungs[1].run and made.rungs[1].run.lineage["reranker"]).startswith(weights.RERANKING.name)
