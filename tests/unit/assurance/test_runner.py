"""A suite is put as its askers, graded, kept, and gone on with where it was cut short."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace
from muniment.app.evaluating import run_store, runner, subject
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.observation import Observation
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.run import Progress
from muniment.assurance.evaluation.run_store import evaluation_result
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

WHY = Commission("for the test", OPERATOR)
ONCALL = "engineering/oncall.md"
PAID = Case(
    "c1",
    "alice",
    "How much is the on-call engineer paid for each weekend?",
    gains={ONCALL: 1},
    facts=(("300 crowns", "CZK 300"),),
    forbidden=("engineering/secret/keys.md",),
)
HIDDEN = Case(
    "c2", "carol", "Where is the key ceremony held?", abstain=True, forbidden=("engineering/secret/keys.md",)
)
LOST = Case(
    "c3", "carol", "When does the canteen open?", gains={"sales/prices.csv": 1}, facts=(("midnight",),)
)


@dataclass
class Counting:
    """A subject that counts what it is asked, and breaks where it is told to."""

    name: str = "counting"
    lineage: Mapping[str, Json] = field(default_factory=lambda: {"version": "1"})
    asked: list[str] = field(default_factory=list)
    breaks_at: int = -1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, case: Case) -> Observation:
        with self._lock:
            if len(self.asked) == self.breaks_at:
                raise KeyboardInterrupt
            self.asked.append(case.id)
        return Observation("answered", cost=0.5, stages={"answer": 1.0})


def numbered(count: int) -> Suite:
    cases = tuple(Case(f"c{at}", "alice", f"Question {at}?", gains={"a.md": 1}) for at in range(count))
    return Suite("numbered", cases)


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], folder: Path) -> Workspace:
    made = make_workspace(embedder=lambda: HashedEmbedder())
    made.ingest(folder, "docs")
    return made


def asked(workspace: Workspace, *cases: Case) -> Run:
    return runner(workspace).run(Suite("small", cases), subject(workspace, OPERATOR), WHY)


def test_a_run_says_what_was_found_said_and_kept_silent(workspace: Workspace) -> None:
    run = asked(workspace, PAID, HIDDEN, LOST)
    first, second, third = run.results
    assert run.complete and [one.case for one in run.results] == ["c1", "c2", "c3"]
    assert first.scores["success@1"] == first.scores["all_facts"] == first.scores["faithfulness"] == 1
    assert first.scores["authorised"] == second.scores["authorised"] == second.scores["abstained"] == 1
    assert third.scores["recall@20"] == 0 and third.scores.get("all_facts", 0) == 0
    assert first.scores["answer_ms"] > 0 and first.detail["stages"]
    assert (
        workspace.assistant.explain(workspace.principal("alice"), first.answer_id).question == PAID.question
    )


def test_a_forbidden_document_that_showed_is_named(workspace: Workspace) -> None:
    breach = Case("c1", "alice", PAID.question, gains={ONCALL: 1}, forbidden=(ONCALL,))
    (result,) = asked(workspace, breach).results
    assert result.scores["authorised"] == 0 and result.detail["forbidden"] == [ONCALL]


def test_earlier_questions_are_taken_into_account(workspace: Workspace) -> None:
    follow_up = Case("c1", "alice", "And for each weekend?", earlier=("How much is the on-call engineer paid?",),
                     gains={ONCALL: 1}, facts=(("300 crowns",),))  # fmt: skip
    (result,) = asked(workspace, follow_up).results
    assert result.scores["all_facts"] == 1


def test_a_quote_whose_values_are_masked_still_stands(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "access.toml").write_text('allow = ["group:everyone"]\n')
    (tmp_path / "docs" / "desk.md").write_text(
        "# Desk\n\nWrite to the desk at desk@house.example for a key.\n"
    )
    made = make_workspace(settings=parse({"sensitive": {"answers": {"email": "redact"}}}))
    made.ingest(tmp_path / "docs", "docs")
    case = Case("c1", "alice", "Where do I write to the desk for a key?", gains={"desk.md": 1})
    (result,) = asked(made, case).results
    answer = made.assistant.explain(made.principal("alice"), result.answer_id).answer
    assert "d***@house.example" in answer
    assert result.scores["citation_precision"] == 1


def test_what_is_stored_of_a_run_holds_no_word_of_an_answer(workspace: Workspace) -> None:
    run = asked(workspace, PAID)
    with workspace.database.read() as connection:
        rows = [dict(row) for row in connection.execute(sa.select(evaluation_result)).mappings()]
    assert (
        "crowns" in workspace.assistant.explain(workspace.principal("alice"), run.results[0].answer_id).answer
    )
    assert "crowns" not in json.dumps(rows)


def test_one_that_nobody_knows_fails_his_case_and_no_other(workspace: Workspace) -> None:
    ghost = Case("c0", "ghost", "Who am I?", gains={ONCALL: 1})
    first, second = asked(workspace, ghost, PAID).results
    assert (first.status, second.status) == ("failed", "answered")
    assert "ghost" in first.error and first.scores["success@5"] == 0


def test_a_case_that_breaks_the_subject_fails_alone(workspace: Workspace) -> None:
    class Breaking(Counting):
        def observe(self, case: Case) -> Observation:
            if case.id == "c1":
                raise ZeroDivisionError("a secret detail")
            return super().observe(case)

    run = runner(workspace).run(numbered(3), Breaking(), WHY)
    assert [one.status for one in run.results] == ["answered", "failed", "answered"]
    assert "ZeroDivisionError" in run.results[1].error and "secret" not in run.results[1].error


def test_a_run_that_was_cut_short_goes_on_without_putting_a_case_twice(workspace: Workspace) -> None:
    broken = Counting(breaks_at=7)
    with pytest.raises(KeyboardInterrupt):
        runner(workspace).run(numbered(20), broken, WHY, workers=2)
    (cut, held), *_ = run_store(workspace).listing(5)
    assert not cut.complete and held == len(broken.asked) == 7
    going_on = Counting()
    run = runner(workspace).run(numbered(20), going_on, WHY, workers=2)
    assert run.id == cut.id and run.complete
    assert sorted(broken.asked + going_on.asked) == sorted(case.id for case in numbered(20).cases)
    begun = workspace.audit.query(kind="evaluation.started", limit=10)
    assert [entry.about["continued"] for entry in begun] == [False, True]
    (ended,) = workspace.audit.query(kind="evaluation.finished", limit=10)
    assert ended.about["statuses"] == {"answered": 20}


def test_two_that_go_on_with_one_run_leave_one_result_of_each_case(workspace: Workspace) -> None:
    with pytest.raises(KeyboardInterrupt):
        runner(workspace).run(numbered(6), Counting(breaks_at=1), WHY, workers=1)
    together = threading.Barrier(2, timeout=20)

    class Meeting(Counting):
        def observe(self, case: Case) -> Observation:
            with suppress(threading.BrokenBarrierError):
                together.wait(2)
            return super().observe(case)

    made: list[Run] = []
    going = [
        threading.Thread(
            target=lambda: made.append(runner(workspace).run(numbered(6), Meeting(), WHY, workers=1))
        )
        for _ in range(2)
    ]
    for one in going:
        one.start()
    for one in going:
        one.join()
    assert {run.id for run in made} == {made[0].id} and len(made) == 2
    assert [one.case for one in made[0].results] == [case.id for case in numbered(6).cases]


def test_results_are_taken_over_while_nothing_that_answers_has_changed(
    workspace: Workspace, folder: Path
) -> None:
    first, again, other = Counting(), Counting(), Counting(lineage={"version": "2"})
    suite = numbered(3)
    runner(workspace).run(suite, first, WHY)
    run = runner(workspace).run(suite, again, WHY)
    assert again.asked == [] and all(one.cached for one in run.results)
    runner(workspace).run(suite, other, WHY)
    assert sorted(other.asked) == ["c0", "c1", "c2"]
    fresh = Counting()
    assert runner(workspace).run(suite, fresh, WHY, fresh=True).results[0].cached is False
    changed = Suite("numbered", (*suite.cases[:2], Case("c2", "bob", "Question 2?", gains={"a.md": 1})))
    one = Counting()
    runner(workspace).run(changed, one, WHY)
    assert one.asked == ["c2"]
    (folder / "engineering" / "oncall.md").write_text("# On call\n\nNobody is on call any more.\n")
    workspace.ingest(folder, "docs")
    after = Counting()
    runner(workspace).run(suite, after, WHY)
    assert len(after.asked) == 3


def test_many_at_a_time_give_what_one_at_a_time_gives(workspace: Workspace) -> None:
    cases = tuple(
        Case(f"c{at}", who, question, gains={ONCALL: 1})
        for at, (who, question) in enumerate(
            (who, question)
            for who in ("alice", "bob", "carol")
            for question in (PAID.question, "When is it?")
        )
    )
    one, many = (
        runner(workspace).run(Suite("s", cases), subject(workspace, OPERATOR), WHY, workers=n, fresh=True)
        for n in (1, 4)
    )
    quality = [
        {name: score for name, score in result.scores.items() if not name.endswith("_ms") and name != "age"}
        for run in (one, many)
        for result in run.results
    ]
    assert quality[: len(cases)] == quality[len(cases) :]


def test_progress_tells_what_is_done_what_it_costs_and_what_is_left(workspace: Workspace) -> None:
    told: list[Progress] = []
    runner(workspace).run(numbered(4), Counting(), WHY, workers=1, on_progress=told.append)
    assert [one.done for one in told] == [0, 1, 2, 3, 4]
    assert (told[-1].total, told[-1].cached, told[-1].cost) == (4, 0, 2.0)
    assert told[0].seconds_left is None and told[-1].seconds_left == 0
    runner(workspace).run(numbered(4), Counting(), WHY, on_progress=told.append)
    assert (told[-1].done, told[-1].cached, told[-1].cost) == (4, 4, 0)


def test_a_run_is_found_by_its_id_its_beginning_or_its_suite(workspace: Workspace) -> None:
    store = run_store(workspace)
    run = runner(workspace).run(numbered(2), Counting(), WHY)
    assert store.find(run.id) == store.find(run.id[:12]) == store.find("numbered") == run
    with pytest.raises(BadInput, match="There is no run 'other'"):
        store.find("other")


def test_who_asks_as_others_needs_a_reason(workspace: Workspace) -> None:
    counting = Counting()
    with pytest.raises(BadInput, match="no reason"):
        runner(workspace).run(numbered(2), counting, Commission("", OPERATOR))
    assert counting.asked == [] and run_store(workspace).listing(5) == []
