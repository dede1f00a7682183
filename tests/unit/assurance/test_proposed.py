"""A proposed change is judged on what both sides were asked, and on times that one machine measured."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.runs import run, shares

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release.manifest import COMPONENTS, Manifest
from muniment.assurance.release.proposed import Proposed, Put, judge_proposal
from muniment.assurance.release.proposed_report import comment, gate_junit

MANY = 30


@dataclass
class Recorded:
    """A side whose answers are known."""

    made: Run
    version: str = "1"

    @property
    def manifest(self) -> Manifest:
        return Manifest(
            {name: {"version": self.version if name == "prompts" else "1"} for name in COMPONENTS}
        )

    def check(self, put: Put) -> None:
        pass

    def run(self, put: Put, suite: Suite) -> Run:
        return self.made


def cases(*questions: str) -> tuple[Case, ...]:
    return tuple(Case(f"case-{at}", "alice", one, facts=((one,),)) for at, one in enumerate(questions))


def judged(before: Run, after: Run, put: Put | None = None) -> Proposed:
    same = Suite("house", cases("one"))

    @contextmanager
    def opened(side: Recorded) -> Generator[Recorded]:
        yield side

    return judge_proposal(
        [put or Put(Path("evals/house"), same, same)],
        lambda: opened(Recorded(before)),
        lambda: opened(Recorded(after, "2")),
    )


def taken_over(made: Run) -> Run:
    return replace(made, results=tuple(replace(one, cached=True) for one in made.results))


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_times_of_an_earlier_run_are_compared_with_none(side: str) -> None:
    fast = run([{"answered": 1.0, "answer_ms": 100.0}] * MANY, "before")
    slow = run([{"answered": 1.0, "answer_ms": 900.0}] * MANY)
    assert not judged(fast, slow).ok
    old = (taken_over(fast), slow) if side == "baseline" else (fast, taken_over(slow))
    assert judged(*old).ok


def test_what_was_taken_over_is_judged_all_the_same() -> None:
    good, bad = run(shares("answered", *[1] * MANY), "before"), run(shares("answered", *[0] * MANY))
    found = judged(taken_over(good), bad)
    assert [block.component for block in found.outcomes[0].verdict.blocks] == ["prompts"]


def test_a_case_counts_as_the_same_only_where_it_is_asked_the_same() -> None:
    here = Suite("house", cases("one", "two"))
    put = Put(Path("evals/house"), here, Suite("house", cases("two", "three")))
    assert put.common is not None and [case.question for case in put.common.cases] == ["two"]
    assert Put(Path("evals/house"), here, Suite("house", cases("four"))).common is None


def test_words_of_a_suite_make_no_markup_in_a_comment_or_in_junit() -> None:
    odd = "`<b>&\u202e\x01"
    good = run(shares("answered", *[1] * MANY), "before")
    bad = run(shares("answered", *[0] * MANY))
    bad = replace(bad, results=tuple(replace(one, case=odd) for one in bad.results))
    found = judged(good, bad)
    text = comment(found, [])
    assert "\u202e" not in text and "\x01" not in text
    assert "<b>" not in "".join(text.split("`")[::2]), "only within spans of code"
    assert "<b>" not in gate_junit(found) and "\x01" not in gate_junit(found)


def test_every_component_that_differs_is_told() -> None:
    assert judged(run([{"answered": 1.0}]), run([{"answered": 1.0}])).changed == ("prompts",)
