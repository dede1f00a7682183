"""Our metrics of retrieval agree with trec_eval's on random orders, and say what they do at the edges."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import graded
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.graders import ranking, retrieval, trec
from muniment.assurance.evaluation.observation import Observation

NAMES = [f"d{at}" for at in range(12)]
GAINS = st.dictionaries(st.sampled_from(NAMES), st.integers(-1, 3), min_size=1)
ORDERS = st.lists(st.sampled_from(NAMES), max_size=20)


def test_the_graders_agree_with_ir_measures() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    chance = random.Random(4)
    names = [f"d{at}" for at in range(150)]
    for _ in range(60):
        ranked = chance.sample(names, chance.randint(1, 120))
        gains = {name: chance.choice([0, 1, 1, 2, 3]) for name in chance.sample(names, chance.randint(1, 25))}
        gains[names[0]] = 1
        run = {"q": {name: float(1000 - at) for at, name in enumerate(ranked)}}
        wanted = [
            ir_measures.parse_measure(name) for name in ("nDCG@10", "R@100", "P@5", "AP", "RR", "Success@5")
        ]
        theirs = ir_measures.calc_aggregate(wanted, {"q": gains}, run)
        ours = [
            ranking.ndcg(ranked, gains, 10),
            ranking.recall(ranked, gains, 100),
            ranking.precision(ranked, gains, 5),
            ranking.average_precision(ranked, gains),
            ranking.reciprocal_rank(ranked, gains),
            ranking.success(ranked, gains, 5),
        ]
        assert ours == pytest.approx([theirs[measure] for measure in wanted], abs=1e-9)


def test_every_metric_of_retrieval_is_that_of_trec_eval_also_with_graded_gains_and_ties() -> None:
    pytest.importorskip("ir_measures")
    gains, orders = graded.made_up(300, random.Random(5))
    orders["0"] = ()
    orders["1"] = (*orders["1"], *orders["1"])
    theirs = trec.by_case(gains, orders)
    assert theirs.keys() == gains.keys()
    for case, one in theirs.items():
        assert retrieval.of_order(orders[case], gains[case]) == pytest.approx(one, abs=1e-9)
    means = trec.reference(gains, orders)
    assert means["map"] == pytest.approx(sum(one["map"] for one in theirs.values()) / 300)


def test_the_comparison_with_trec_eval_notices_an_order_that_is_another() -> None:
    pytest.importorskip("ir_measures")
    theirs = trec.reference({"q": {"a": 2, "b": 1}}, {"q": ["x", "a", "b"]})
    assert retrieval.of_order(("a", "x", "b"), {"a": 2, "b": 1}) != pytest.approx(theirs, abs=1e-4)


def test_trec_eval_is_asked_only_of_cases_with_a_relevant_document() -> None:
    pytest.importorskip("ir_measures")
    assert trec.by_case({"q": {"a": 0}, "r": {}}, {"q": ["a"]}) == {}
    assert trec.reference({}, {}) == {}


def test_without_a_relevant_document_every_figure_is_zero() -> None:
    for gains in ({}, {"a": 0}):
        assert ranking.ndcg(["a"], gains, 10) == ranking.recall(["a"], gains, 5) == 0.0
        assert ranking.average_precision(["a"], gains) == ranking.reciprocal_rank(["a"], gains) == 0.0
        assert ranking.success(["a"], gains, 5) == ranking.precision(["a"], gains, 5) == 0.0


def test_a_document_that_comes_twice_counts_once() -> None:
    assert ranking.ndcg(["a", "a", "b"], {"a": 1, "b": 1}, 2) == 1.0
    assert ranking.average_precision(["a", "a", "b"], {"a": 1, "b": 1}) == 1.0
    assert ranking.precision(["a", "a", "b"], {"a": 1, "b": 1}, 5) == 0.4


def test_a_case_without_a_relevant_document_has_no_metric_of_retrieval() -> None:
    assert (
        retrieval.grade(Case("c", "alice", "?", gains={"a": 0}), Observation("answered", ranked=("a",))) == {}
    )


@given(GAINS, ORDERS)
def test_every_metric_of_retrieval_is_a_share_and_a_second_copy_changes_none(
    gains: dict[str, int], order: list[str]
) -> None:
    scores = retrieval.of_order(tuple(order), gains)
    assert all(0 <= value <= 1 for value in scores.values())
    assert retrieval.of_order((*order, *order), gains) == scores


@given(GAINS, ORDERS)
def test_no_metric_falls_when_a_relevant_document_comes_one_place_earlier(
    gains: dict[str, int], order: list[str]
) -> None:
    distinct = list(dict.fromkeys(order))
    before = retrieval.of_order(tuple(distinct), gains)
    for at in range(1, len(distinct)):
        if gains.get(distinct[at], 0) > max(gains.get(distinct[at - 1], 0), 0):
            better = [*distinct]
            better[at - 1 : at + 1] = [distinct[at], distinct[at - 1]]
            after = retrieval.of_order(tuple(better), gains)
            # Where both are relevant, only the gain-aware metric can tell them apart.
            assert all(after[name] >= before[name] - 1e-12 for name in before)


@given(GAINS, st.permutations(NAMES))
def test_the_order_matters_only_where_a_metric_says_so(gains: dict[str, int], order: list[str]) -> None:
    one, other = retrieval.of_order(tuple(order[:5]), gains), retrieval.of_order(tuple(order[4::-1]), gains)
    for name in ("recall@5", "recall@20", "precision@5", "success@5"):
        assert one[name] == other[name]


@given(GAINS)
def test_the_best_order_has_the_most_of_every_metric(gains: dict[str, int]) -> None:
    best = tuple(sorted((name for name in gains if gains[name] > 0), key=lambda name: -gains[name]))
    scores = retrieval.of_order(best, gains)
    if best:
        assert scores["ndcg@10"] == scores["mrr"] == scores["map"] == scores["success@1"] == 1.0
