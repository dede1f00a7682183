"""Our graders agree with trec_eval's on random orders, and say what they do at the edges."""

from __future__ import annotations

import random

import pytest

from muniment.assurance.evaluation import graders


def test_the_graders_agree_with_ir_measures() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    chance = random.Random(4)
    names = [f"d{at}" for at in range(150)]
    for _ in range(60):
        ranked = chance.sample(names, chance.randint(1, 120))
        gains = {name: chance.choice([0, 1, 1, 2, 3]) for name in chance.sample(names, chance.randint(1, 25))}
        gains[names[0]] = 1
        run = {"q": {name: float(1000 - at) for at, name in enumerate(ranked)}}
        wanted = [ir_measures.parse_measure(name) for name in ("nDCG@10", "R@100", "AP", "RR", "Success@5")]
        theirs = ir_measures.calc_aggregate(wanted, {"q": gains}, run)
        ours = [
            graders.ndcg(ranked, gains, 10),
            graders.recall(ranked, gains, 100),
            graders.average_precision(ranked, gains),
            graders.reciprocal_rank(ranked, gains),
            graders.success(ranked, gains, 5),
        ]
        assert ours == pytest.approx([theirs[measure] for measure in wanted], abs=1e-9)


def test_without_a_relevant_document_every_figure_is_zero() -> None:
    for gains in ({}, {"a": 0}):
        assert graders.ndcg(["a"], gains, 10) == graders.recall(["a"], gains, 5) == 0.0
        assert graders.average_precision(["a"], gains) == graders.reciprocal_rank(["a"], gains) == 0.0
        assert graders.success(["a"], gains, 5) == 0.0


def test_a_document_that_comes_twice_counts_once() -> None:
    assert graders.ndcg(["a", "a", "b"], {"a": 1, "b": 1}, 2) == 1.0
    assert graders.average_precision(["a", "a", "b"], {"a": 1, "b": 1}) == 1.0
