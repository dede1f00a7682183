"""Each rung of a ladder is a run: kept, on record, gone on with where it was cut short, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import runs

from muniment.app import Workspace
from muniment.app.evaluating import run_store
from muniment.app.laddered import putting
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.observation import Observation, SeenCall
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release.ladder import tell
from muniment.assurance.release.ladder.apart import apart
from muniment.assurance.release.ladder.figures import figures_of
from muniment.assurance.release.ladder.ladder import Ladder, climb
from muniment.assurance.release.ladder.rung import Name, Rung
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import OPERATOR

WHY = Commission("for the test", OPERATOR)
CASES = tuple(Case(f"c{at}", "alice", f"Question {at}?", facts=(("yes",),)) for at in range(4))
SUITE = Suite("small", CASES, {"all_facts": 0.9})


@dataclass
class Saying:
    """A way that says the same, counts what it is asked, and breaks where it is told to."""

    name: str
    says: str
    version: str = "1"
    breaks_at: int = -1
    asked: list[str] = field(default_factory=list)

    @property
    def lineage(self) -> Mapping[str, Json]:
        return {"version": self.version}

    def observe(self, case: Case) -> Observation:
        if len(self.asked) == self.breaks_at:
            raise KeyboardInterrupt
        self.asked.append(case.id)
        return Observation("answered", self.says, cost=0.5, stages={"answer": 3.0, "rerank": 1.0})


def climbed(workspace: Workspace, *ways: Saying, resume: bool = False, suite: Suite = SUITE) -> Ladder:
    names: tuple[Name, ...] = ("prompt", "quotes", "reranked")
    rungs = [Rung(name, (), way) for name, way in zip(names, ways, strict=False)]
    return climb(suite, rungs, putting(workspace, WHY, resume))


def test_each_rung_is_a_stored_run_and_the_log_says_by_whose_leave_and_why(workspace: Workspace) -> None:
    made = climbed(workspace, Saying("prompt", "no"), Saying("quotes", "yes"))
    assert made.recommendation.name == "quotes"
    ids = [one.run.id for one in made.rungs if one.run is not None]
    kept = [run_store(workspace).find(one) for one in ids]
    assert [one.subject for one in kept] == ["prompt", "quotes"] and all(one.complete for one in kept)
    assert [one["run"] for one in tell.as_json(made)["rungs"]] == ids
    begun = workspace.audit.query("evaluation.started", limit=9)
    assert {one.about["run"] for one in begun} == set(ids) and all(one.about["reason"] for one in begun)
    assert len(workspace.audit.query("evaluation.finished", limit=9)) == 2
    with pytest.raises(BadInput, match="no reason"):
        climb(
            SUITE, [Rung("prompt", (), Saying("prompt", "no"))], putting(workspace, Commission("", OPERATOR))
        )


def test_times_of_another_day_are_not_taken_over_unless_asked_for(workspace: Workspace) -> None:
    climbed(workspace, Saying("prompt", "yes"))
    again, resumed, other = (
        Saying("prompt", "yes"),
        Saying("prompt", "yes"),
        Saying("prompt", "yes", version="2"),
    )
    assert climbed(workspace, again).rungs[0].figures.taken_over == 0  # type: ignore[union-attr]
    made = climbed(workspace, resumed, resume=True)
    climbed(workspace, other, resume=True)
    assert [len(one.asked) for one in (again, resumed, other)] == [4, 0, 4]
    assert "answered by an earlier run" in tell.notes(made)[0]


def test_a_ladder_that_was_cut_short_goes_on_where_it_was(workspace: Workspace) -> None:
    first, broken = Saying("prompt", "no"), Saying("quotes", "yes", breaks_at=2)
    with pytest.raises(KeyboardInterrupt):
        climbed(workspace, first, broken)
    again, rest = Saying("prompt", "no"), Saying("quotes", "yes")
    made = climbed(workspace, again, rest, resume=True)
    assert again.asked == [] and {*broken.asked, *rest.asked} == {"c0", "c1", "c2", "c3"}
    assert len(rest.asked) == 2 and made.recommendation.name == "quotes"


def test_of_a_suite_the_newest_run_is_that_of_the_workspace_not_of_a_trial(workspace: Workspace) -> None:
    put = putting(workspace, WHY)
    itself = put(SUITE, Saying("workspace", "yes"), lambda progress: None)
    climbed(workspace, Saying("prompt", "no"))
    assert run_store(workspace).find("small").id == itself.id


def test_figures_count_what_was_proposed_reranked_and_failed() -> None:
    calls: list[Json] = [{"tool": "refund", "outcome": "proposed"}, {"tool": "look", "outcome": "ran"}]
    run = runs.run([])
    results = (
        runs.case(
            0, {"all_facts": 1.0, "answer_ms": 100.0, "cost": 2.0}, detail={"calls": calls}, weight=3.0
        ),
        runs.case(1, {"all_facts": 0.0, "answer_ms": 300.0}, detail={"stages": {"rerank": 9.0}}),
        runs.case(2, {"all_facts": 0.0}, status="failed", error="unavailable", cached=True),
        runs.case(3, {"answer_ms": 200.0}, detail={"calls": calls[1:]}),
    )
    found = figures_of(Run(**{**_fields(run), "cases": 4, "results": results}), {"all_facts": 0.9})
    assert (found.proposed, found.reranked, found.failed, found.taken_over) == (1, 1, 1, 1)
    assert found.failure == "unavailable" and found.cost == 0.5 and found.p50_ms == 200.0
    assert found.quality.n == 3 and found.quality.mean == pytest.approx(0.6)
    assert found.quality.low < 0.6 < found.quality.high


def test_what_nothing_measured_has_no_quality() -> None:
    found = figures_of(runs.run([{"answer_ms": 1.0}]), {"all_facts": 0.9})
    assert found.quality.n == 0 and (found.quality.low, found.quality.high) == (0.0, 1.0)


def test_few_cases_cannot_tell_two_runs_apart_and_many_can() -> None:
    def pair(count: int) -> tuple[Run, Run]:
        return runs.run(runs.shares("all_facts", *[0] * count)), runs.run(
            runs.shares("all_facts", *[1] * count)
        )

    assert not apart(*pair(4), ["all_facts"])
    assert apart(*pair(12), ["all_facts"])
    # What no target asks for tells nothing, and neither does what only one of them was scored by.
    assert not apart(*pair(12), ["abstained"])
    assert not apart(pair(12)[0], runs.run(runs.shares("abstained", *[1] * 12)), ["all_facts", "abstained"])


def test_more_targets_ask_for_more_evidence() -> None:
    before = runs.run([{"all_facts": 0.0, "abstained": 1.0} for _ in range(6)])
    after = runs.run([{"all_facts": 1.0, "abstained": 1.0} for _ in range(6)])
    assert apart(before, after, ["all_facts"])
    assert not apart(before, after, ["all_facts", "abstained"])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=9))
def test_telling_apart_knows_no_order_and_nothing_differs_from_itself(pairs: list[tuple[bool, bool]]) -> None:
    one, other = (runs.run(runs.shares("all_facts", *[pair[side] for pair in pairs])) for side in (0, 1))
    assert apart(one, other, ["all_facts"]) == apart(other, one, ["all_facts"])
    assert not apart(one, one, ["all_facts"])


def test_a_rung_that_reranks_says_where_it_did_not(workspace: Workspace) -> None:
    ways = [Saying("prompt", "no"), Saying("quotes", "no"), Saying("reranked", "yes")]
    assert tell.notes(climbed(workspace, *ways)) == []

    class Silent(Saying):
        def observe(self, case: Case) -> Observation:
            calls = (SeenCall("x", outcome="refused"),)
            return Observation("answered", "yes", stages={"answer": 1.0}, calls=calls)

    made = climbed(workspace, *ways[:2], Silent("reranked", "yes"))
    assert any("in 4 of 4 cases nothing was reranked" in line for line in tell.notes(made))


def _fields(run: Run) -> dict[str, object]:
    return {name: getattr(run, name) for name in run.__dataclass_fields__}
