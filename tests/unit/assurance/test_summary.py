"""A run is summed up with the cases and the interval of every figure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.runs import case, run, shares

from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.summary import Breach, summary
from muniment.foundation.errors import BadInput


def tagged(made: Run, *tags: tuple[str, ...]) -> Run:
    """Return a run whose cases have tags."""
    results = tuple(replace(result, tags=each) for result, each in zip(made.results, tags, strict=True))
    return replace(made, results=results)


def test_a_metric_is_the_mean_of_the_cases_that_have_it() -> None:
    made = run([*shares("facts", 1, 1, 0, 0.5), *shares("abstained", 1)])
    facts = summary(made).metric("facts")
    assert facts and facts.estimate and facts.n == 4 and facts.estimate.mean == 0.625
    assert facts.estimate.low < 0.625 < facts.estimate.high and facts.target is None and facts.met is None


def test_a_heavy_case_counts_more() -> None:
    made = run(shares("facts", 1, 0))
    heavy = replace(made, results=(replace(made.results[0], weight=3.0), made.results[1]))
    facts = summary(heavy).metric("facts")
    assert facts and facts.estimate and facts.estimate.mean == 0.75


@pytest.mark.parametrize(
    ("metric", "score", "target", "met"),
    [("facts", 0.8, 0.8, True), ("facts", 0.8, 0.81, False), ("age", 3, 4, True), ("age", 3, 2, False)],
)
def test_a_target_is_the_least_or_of_what_is_better_lower_the_most(
    metric: str, score: float, target: float, met: bool
) -> None:
    found = summary(run(shares(metric, *[score] * 10), targets={metric: target})).metric(metric)
    assert found and found.met is met and found.target == target


def test_what_no_case_measured_reaches_no_target() -> None:
    found = summary(run(shares("facts", 1), targets={"recall@5": 0.1})).metric("recall@5")
    assert found and found.met is False and found.n == 0 and found.estimate is None


def test_slices_are_the_cases_of_a_tag_and_small_ones_say_so() -> None:
    made = tagged(run(shares("facts", 1, 1, 1, 1, 1, 0)), *[("hr",)] * 5, ("hr", "rare"))
    hr, rare = summary(made).slices
    assert (hr.tag, hr.cases, rare.tag, rare.cases) == ("hr", 6, "rare", 1)
    assert hr.metrics["facts"].mean == pytest.approx(5 / 6) and not hr.metrics["facts"].too_few
    assert rare.metrics["facts"].too_few and rare.metrics["facts"].high > 0.6


def test_breaches_and_statuses_are_counted() -> None:
    made = run([{"authorised": 1.0, "facts": 0.0}, {"authorised": 0.0}, {"no_forbidden_calls": 0.5}])
    made = replace(made, results=(*made.results, case(3, {}, status="failed")), cases=4)
    found = summary(made)
    assert found.breaches == (Breach("case-1", "authorised"), Breach("case-2", "no_forbidden_calls"))
    assert found.statuses == {"answered": 3, "failed": 1} and found.complete


def test_times_have_a_middle_and_a_slow_end() -> None:
    found = summary(run(shares("search_ms", *range(1, 102)))).latencies
    assert [(each.metric, each.n, each.p50, each.p95) for each in found] == [("search_ms", 101, 51.0, 96.0)]


@pytest.mark.parametrize(
    "scores", [{"facts": 1.5}, {"facts": float("nan")}, {"search_ms": -1.0}, {"unheard": 1.0}]
)
def test_scores_that_cannot_be_are_refused(scores: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=next(iter(scores))):
        summary(run([scores]))


def test_a_run_without_results_is_summed_up_as_empty() -> None:
    found = summary(run([], finished="", cases=3))
    assert not found.complete and found.metrics == () and found.cases == 0
