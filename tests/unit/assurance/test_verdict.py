"""The gate stops what makes a system worse, says why in words, and lets noise pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.runs import case, run, shares

from benchmarks.gate_decisions import HARMLESS, REGRESSIONS, Seeded, baseline, changed
from muniment.assurance.evaluation.cause import cause
from muniment.assurance.evaluation.losses import Tolerance
from muniment.assurance.evaluation.metric import METRICS, Metric
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.verdict import Block, judged
from muniment.foundation.errors import BadInput


def only(
    candidate: Run, before: Run | None = None, *, changes: tuple[str, ...] = (), **floors: float
) -> Block:
    """Return the one block that there is."""
    found = judged(candidate, before, floors, changes)
    assert not found.ok and len(found.blocks) == 1, found.blocks
    return found.blocks[0]


@pytest.mark.parametrize("seeded", REGRESSIONS, ids=lambda one: one.name)
def test_a_regression_is_blocked_and_its_component_named(seeded: Seeded) -> None:
    before = baseline(1)
    after = changed(before, seeded, 1)
    found = judged(after, before, {}, [seeded.component])
    assert not found.ok and found.blocks[0].component == seeded.component
    assert found.blocks[0].stage and str(found.blocks[0]).endswith(f"Most likely: {seeded.component}.")
    assert judged(after, before, {}, ()).blocks[0].component == seeded.part


@pytest.mark.parametrize("seeded", HARMLESS, ids=lambda one: one.name)
def test_noise_is_let_pass(seeded: Seeded) -> None:
    settled = baseline(1)
    assert judged(changed(settled, seeded, 2), changed(settled, seeded, 3), {}, ["code"]).ok


def test_a_run_that_was_cut_short_is_blocked() -> None:
    found = only(run(shares("facts", 1, 1), cases=3))
    assert found.why == "incomplete" and found.what == "The run has 2 of 3 cases."
    assert only(run(shares("facts", 1), finished="")).why == "incomplete"
    assert only(run([])).what == "The run has no case."


def test_one_breach_is_enough_whatever_else_is_right() -> None:
    before = run([{"authorised": 1.0}] * 500)
    found = only(run([*[{"authorised": 1.0}] * 499, {"authorised": 0.0}]), before)
    assert found.why == "breach" and found.cases == ("case-499",) and found.component == "access filter"
    assert only(run([{"no_forbidden_calls": 0.99}])).component == "tool policy"


def test_a_security_suite_must_be_wholly_right() -> None:
    scores = [{"abstained": 1.0, "precision@5": 0.2}] * 9
    assert judged(run(scores, kind="security"), None, {}, ()).ok
    found = only(run([*scores, {"abstained": 0.0}], kind="security"))
    assert found.why == "wrong" and found.cases == ("case-9",)
    assert judged(run([*scores, {"abstained": 0.0}]), None, {}, ()).ok


def test_targets_and_floors_are_both_asked_for() -> None:
    made = run(shares("facts", *[1] * 8, *[0] * 2), targets={"facts": 0.7})
    assert judged(made, None, {"facts": 0.8}, ()).ok
    found = only(made, facts=0.85)
    assert found.why == "floor" and found.figures["mean"] == 0.8 and found.figures["n"] == 10
    assert only(replace(made, targets={"facts": 0.9}), facts=0.5).figures["floor"] == 0.9
    assert judged(run(shares("age", 5)), None, {"age": 4}, ()).blocks[0].why == "floor"


def test_a_target_that_the_interval_does_not_clear_is_noted() -> None:
    notes = judged(run(shares("facts", *[1] * 9, 0)), None, {"facts": 0.85}, ()).notes
    assert any("reaches 0.850, but not for sure" in note for note in notes)


def test_what_was_not_measured_is_blocked_and_what_is_no_metric_refused() -> None:
    assert only(run(shares("facts", 1)), mrr=0.1).why == "unmeasured"
    with pytest.raises(BadInput, match="typo"):
        judged(run(shares("facts", 1)), None, {"typo": 0.1}, ())


def test_five_cases_that_fall_block_and_four_do_not() -> None:
    before = run(shares("facts", *[1] * 100))
    assert judged(run(shares("facts", *[1] * 96, *[0] * 4)), before, {}, ()).ok
    found = only(run(shares("facts", *[1] * 95, *[0] * 5)), before)
    assert found.why == "loss" and len(found.cases) == 5 and found.figures["p"] == pytest.approx(1 / 32)
    assert "from 1.000 to 0.950 over 100 cases: 5 got worse and 0 better" in found.what


def test_small_losses_in_several_metrics_of_a_stage_add_up() -> None:
    names = ("recall@5", "mrr", "ndcg@10", "success@1")
    before = run([dict.fromkeys(names, 1.0)] * 40)
    after = [dict.fromkeys(names, 1.0) for _ in range(40)]
    for at in range(8):
        after[at][names[at % 4]] = 0.0
    found = only(run(after), before)
    assert found.metric == "" and found.stage == "retrieval" and "fell together" in found.what


def test_a_loss_of_less_than_half_a_point_blocks_nothing() -> None:
    before, after = run(shares("mrr", *[0.8] * 100)), run(shares("mrr", *[0.796] * 100))
    assert judged(after, before, {}, ()).ok
    assert only(run(shares("mrr", *[0.79] * 100)), before).why == "loss"
    assert not judged(after, before, {}, (), Tolerance(loss=0.001)).ok


def test_gains_block_nothing_and_age_grows_by_itself() -> None:
    before = run([{"facts": 0.0, "age": 1.0}] * 50)
    assert judged(run([{"facts": 1.0, "age": 9.0}] * 50), before, {}, ()).ok


@pytest.mark.parametrize(
    ("metric", "old", "new", "why"),
    [
        ("search_ms", 300, 900, "slower"),
        ("search_ms", 300, 420, ""),
        ("search_ms", 10, 60, ""),
        ("prompt_tokens", 1000, 1300, "dearer"),
        ("prompt_tokens", 1000, 1200, ""),
        ("cost", 0.01, 0.02, "dearer"),
    ],
)
def test_times_and_costs_block_where_they_grew_by_far(metric: str, old: float, new: float, why: str) -> None:
    before, after = run(shares(metric, *[old] * 20)), run(shares(metric, *[new] * 20))
    assert [each.why for each in judged(after, before, {}, ()).blocks] == ([why] if why else [])


def test_one_slow_case_is_no_slow_system() -> None:
    before, after = run(shares("search_ms", *[300] * 20)), run(shares("search_ms", *[300] * 19, 90_000))
    assert judged(after, before, {}, ()).ok


def test_more_failures_than_before_are_blocked() -> None:
    broken = replace(run(shares("facts", 1, 1)), cases=3)
    broken = replace(broken, results=(*broken.results, case(2, {}, status="failed")))
    assert judged(broken, broken, {}, ()).ok
    found = only(broken, run(shares("facts", 1, 1, 1)), changes=("prompts", "endpoints", "suites"))
    assert found.why == "failures" and found.cases == ("case-2",) and found.component == "endpoints"
    assert only(broken).why == "failures"


def test_a_baseline_of_other_cases_is_no_baseline() -> None:
    other = replace(run([]), results=(case(9, {"facts": 1.0}),), cases=1)
    assert only(run(shares("facts", 1)), other).why == "not comparable"


def test_what_a_reader_should_know_is_noted() -> None:
    assert judged(run(shares("facts", 1)), None, {}, ()).notes == (
        "There is no baseline: losses were not looked for.",
    )
    before, after = run(shares("facts", *[1] * 30), "a"), run(shares("facts", *[1] * 20), "b")
    notes = judged(replace(after, corpus="sha256:2"), before, {}, ()).notes
    assert "The runs had different documents, or different people could read them." in notes
    assert "10 cases of run a are not in the candidate." in notes
    assert "facts: a change under 30 points would not show with 20 cases." in notes


def test_a_lost_answer_is_put_down_to_a_lost_search() -> None:
    before = run([{"recall@5": 1.0, "facts": 1.0}] * 40)
    after = run([{"recall@5": 0.0, "facts": 0.0}] * 20 + [{"recall@5": 1.0, "facts": 1.0}] * 20)
    found = judged(after, before, {}, ("prompts/brief", "embedding"))
    assert {each.component for each in found.blocks} == {"embedding"}
    only_answers = run([{"recall@5": 1.0, "facts": 0.0}] * 20 + [{"recall@5": 1.0, "facts": 1.0}] * 20)
    assert only(only_answers, before, changes=("prompts/brief", "embedding")).component == "prompts/brief"


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda each: each.name)
def test_a_part_is_named_for_every_metric_and_the_one_thing_that_changed_is_to_blame(metric: Metric) -> None:
    assert cause(metric, (), ())
    for component in ("prompts", "embedding", "a new component"):
        assert cause(metric, (), (component, "suites")) == component
    assert cause(metric, (), ("suites",)) == cause(metric, (), ())
