"""Two runs are compared over the cases that both have, and no more is said than these show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.runs import case, run, shares

from muniment.assurance.evaluation.comparison import CaseChange, compared
from muniment.foundation.errors import BadInput


def test_a_clear_loss_is_worse_and_its_cases_are_listed() -> None:
    before, after = run(shares("facts", *[1] * 40), "a"), run(shares("facts", *[1] * 30, *[0] * 10), "b")
    found = compared(before, after).metric("facts")
    assert found and found.verdict == "worse" and (found.baseline, found.candidate) == (1.0, 0.75)
    assert found.paired.difference == -0.25 and found.paired.high < 0 and found.corrected < 0.01
    worse = compared(before, after).worse
    assert len(worse) == 10 and worse[0] == CaseChange("case-30", "facts", 1.0, 0.0)
    assert compared(after, before).metric("facts").verdict == "better"  # type: ignore[union-attr]


def test_few_changed_cases_cannot_be_told_apart() -> None:
    found = compared(run(shares("facts", *[1] * 100)), run(shares("facts", *[1] * 96, *[0] * 4)))
    facts = found.metric("facts")
    assert facts and facts.verdict == "cannot be told apart" and facts.paired.p == pytest.approx(0.125)
    assert facts.detectable and facts.detectable >= 0.06 and len(found.worse) == 4


def test_lower_times_are_better() -> None:
    before = run(shares("search_ms", *range(100, 130)))
    after = run(shares("search_ms", *range(60, 90)))
    found = compared(before, after)
    assert found.metric("search_ms").verdict == "better"  # type: ignore[union-attr]
    assert found.better == () and found.worse == ()


def test_more_metrics_ask_for_a_clearer_difference() -> None:
    one = [{"facts": 1.0}] * 94, [{"facts": 1.0}] * 88
    before, after = [*one[0], *[{"facts": 1.0}] * 6], [*one[0], *[{"facts": 0.0}] * 6]
    alone = compared(run(before), run(after)).metric("facts")
    more = {"recall@5": 1.0, "mrr": 1.0}
    beside = compared(run([each | more for each in before]), run([each | more for each in after])).metric(
        "facts"
    )
    assert alone and beside and alone.verdict == "worse" and beside.verdict == "cannot be told apart"
    assert beside.corrected == pytest.approx(3 * alone.corrected)


def test_cases_that_only_one_run_has_are_counted_and_left_out() -> None:
    before, after = run(shares("facts", 1, 1, 1)), run(shares("facts", 1, 1))
    reworded = replace(after, results=(*after.results, case(7, {"facts": 0.0})), cases=3)
    found = compared(before, reworded)
    assert (found.common, found.only_baseline, found.only_candidate) == (2, 1, 1)
    assert found.metric("facts").candidate == 1.0  # type: ignore[union-attr]


def test_a_case_that_stands_twice_is_matched_once_each() -> None:
    twice = replace(run([]), results=(case(0, {"facts": 1.0}), case(0, {"facts": 0.0})), cases=2)
    found = compared(twice, twice)
    assert found.common == 2 and found.worse == found.better == ()


def test_runs_without_a_case_in_common_are_not_compared() -> None:
    other = replace(run([]), results=(case(9, {"facts": 1.0}),), cases=1)
    with pytest.raises(BadInput, match="no case in common"):
        compared(run(shares("facts", 1)), other)


def test_a_metric_that_one_run_lacks_is_named() -> None:
    found = compared(run([{"facts": 1.0, "format": 1.0}]), run([{"facts": 1.0, "result": 1.0}]))
    assert found.not_compared == ("format", "result") and [each.metric for each in found.metrics] == ["facts"]
