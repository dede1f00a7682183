"""The benchmark of evaluation runs by parts, and its ladder without anything of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import evaluation, intervals, laddered, seeded
from muniment.foundation.errors import BadInput


def quiet(line: str) -> None:
    """Say nothing."""


def test_only_the_parts_that_are_named_are_measured_and_each_says_how_long_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = dict(list(intervals.DISTRIBUTIONS.items())[:1])
    monkeypatch.setattr(intervals, "DISTRIBUTIONS", few)
    monkeypatch.setattr(intervals, "SIZES", (20,))
    found = evaluation.run({"only": "coverage", "suites": "20"}, quiet)
    assert [one["part"] for one in found["took"]] == ["coverage"]
    assert found["coverage"] and "decisions" not in found
    assert evaluation.parts_of({"only": "ladder, gate"}) == ("gate", "ladder")
    assert evaluation.parts_of({}) == ("coverage", "gate", "metrics", "ladder", "changes", "runs")


@pytest.mark.parametrize("only", ["laddered", "", True, "gate,", "gate;ladder"])
def test_an_unknown_part_is_refused_with_those_that_there_are(only: object) -> None:
    with pytest.raises(BadInput, match="--only") as refused:
        evaluation.run({"only": only}, quiet)
    assert "coverage, gate, metrics, ladder, changes, runs" in refused.value.fix


@pytest.mark.prove
def test_the_right_rung_is_chosen_for_each_whole_set_of_tasks() -> None:
    found = laddered.chosen(quiet)
    assert {one.suite: one.ladder.recommendation.name for one in found} == laddered.RIGHT


@pytest.mark.prove
@pytest.mark.weights
def test_the_gate_blocks_what_makes_answers_worse_and_lets_the_rest_pass(tmp_path: Path) -> None:
    found = list(seeded.changes(tmp_path, quiet))
    assert sum(one.right for one in found if not one.change.harmless) >= 19
    assert sum(not one.ok for one in found if one.change.harmless) <= 1
