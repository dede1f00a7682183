"""Suites, newest runs, ladders and the last days are told to whoever may read suites, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.simulators.proving_ground import SECRET, proving_ground

from muniment.app import Workspace
from muniment.app.evaluating import run_reading, run_store, suite_reading
from muniment.app.releasing import releasing_of
from muniment.assurance.evaluation.headlines import headlines
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.summary import summary
from muniment.assurance.monitoring import live
from muniment.assurance.monitoring.population import not_waited_for
from muniment.assurance.release.ladder.stored import stored_ladder
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted

BY = Actor("user:grace", "web")
BLOCK = "canteen:all_facts"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    made = proving_ground(tmp_path_factory.mktemp("ground"))
    yield made
    made.close()


def test_main_scores_are_those_of_the_whole_summary(ground: Workspace) -> None:
    (newest,) = run_reading(ground).newest(ground.principal("grace"), BY, "canteen")
    run = run_store(ground).find(newest.run.id)
    found = summary(run).metric("all_facts")
    (told,) = newest.scores
    assert found and found.estimate and told.estimate
    assert (told.metric, told.met, told.n) == (found.metric, found.met, found.n)
    ends = found.estimate.mean, found.estimate.low, found.estimate.high
    assert (told.estimate.mean, told.estimate.low, told.estimate.high) == pytest.approx(ends)
    assert newest.missed == 1 and newest.held == run.cases and newest.run.results == ()


def test_runs_are_listed_by_suite_and_to_readers_of_suites_alone(ground: Workspace) -> None:
    reading, grace = run_reading(ground), ground.principal("grace")
    assert {one.run.suite for one in reading.listing(grace, BY, suite="canteen").runs} == {"canteen"}
    assert reading.listing(grace, BY, suite="none").runs == ()
    for name in ("dave", "olga", "carol"):
        with pytest.raises(NotPermitted):
            reading.newest(ground.principal(name), BY)
        with pytest.raises(NotPermitted):
            reading.by_subject(ground.principal(name), BY, ("quotes",))
        assert ground.audit.tail(1)[0].kind == "policy.refused"


def test_a_suite_is_shown_without_facts_and_without_paths_of_others(ground: Workspace) -> None:
    read = suite_reading(ground).read(ground.principal("grace"), BY, "canteen")
    assert [(one.readable, one.left_out) for one in read.cases[:2]] == [(("all/canteen.txt",), 0), ((), 1)]
    assert read.expected == {"answer": 4}
    with pytest.raises(NotFound):
        suite_reading(ground).read(ground.principal("dave"), BY, "canteen")
    assert ground.audit.tail(1)[0].kind == "suite.refused"
    assert suite_reading(ground).listing(ground.principal("dave"), BY) == ()


def test_checks_of_a_suite_tell_no_path_that_the_reader_may_not_read(ground: Workspace) -> None:
    found = suite_reading(ground).check(ground.principal("erin"), BY, "canteen")
    assert found.findings and SECRET not in str(found)
    with pytest.raises(NotPermitted):
        suite_reading(ground).check(ground.principal("grace"), BY, "canteen")


def test_a_ladder_stands_again_from_its_runs_over_the_same_documents(ground: Workspace) -> None:
    run = run_store(ground).latest("canteen")
    assert run is not None
    right = tuple(replace(one, scores={**one.scores, "all_facts": 1.0}) for one in run.results)
    quotes, other = replace(run, subject="quotes", results=right), replace(run, corpus="sha256:other")
    ladder = stored_ladder({"prompt": run, "quotes": quotes, "retrieval": replace(other, started="")})
    assert ladder is not None and ladder.recommendation.name == "quotes"
    assert [one.rung.name for one in ladder.rungs if one.run] == ["prompt", "quotes"]
    assert stored_ladder({}) is None and stored_ladder({"quotes": replace(run, targets={})}) is None


def test_the_last_days_are_told_with_sources_for_whoever_may_read_those(ground: Workspace) -> None:
    erin, grace = (ground.monitoring.live.of(ground.principal(name), BY) for name in ("erin", "grace"))
    assert erin.rows == grace.rows and not erin.cut
    assert [one.source for one in grace.sources] == ["papers"] and erin.sources == ()
    assert next(one for one in erin.rows if one.name == "answers").now.n == 5
    with pytest.raises(NotPermitted):
        ground.monitoring.live.of(ground.principal("dave"), BY)


def test_no_more_answers_than_the_bound_are_looked_at_and_that_is_said(
    ground: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST", 2)
    for _ in range(4):
        ground.clock.advance(seconds=5)  # type: ignore[attr-defined]
        ground.ask("When does the canteen open?", "dave")
    found = ground.monitoring.live.of(ground.principal("grace"), BY)
    answers = next(one for one in found.rows if one.name == "answers")
    assert found.cut and answers.now.n == 2 and answers.before.n <= 2


def test_no_more_questions_than_the_bound_are_looked_at_whatever_became_of_them(
    ground: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    dave, read = ground.principal("dave"), list[int]()
    monkeypatch.setattr(live, "_ASKED", 10)
    monkeypatch.setattr(live, "_READ", 25)
    monkeypatch.setattr(
        live, "not_waited_for", lambda all_: (read.append(len(all_)), not_waited_for(all_))[1]
    )
    for number in range(40):
        ground.clock.advance(seconds=5)  # type: ignore[attr-defined]
        about: dict[str, Json] = {"answer": f"ans_{number}", "principal": dave.ref}
        ground.audit.record([Entry("answer.request", Actor(dave.ref, "web"), about)])
    found = ground.monitoring.live.of(ground.principal("grace"), BY)
    assert found.cut and read == [25]
    assert next(one for one in found.rows if one.name == "failed").now.n == 10


def test_asking_for_a_waiver_lets_nothing_pass_and_waits_for_others_only(ground: Workspace) -> None:
    rooms = releasing_of(ground)
    judy, carol, erin = (ground.principal(name) for name in ("judy", "carol", "erin"))

    def verdict(one: object) -> object:
        return rooms.checks.verdict(rooms.releases.find("second").release, judy.ref)

    with pytest.raises(BadInput):
        rooms.waivers.ask("second", "canteen:ndcg", "Known.", judy, BY, verdict)  # type: ignore[arg-type]
    with pytest.raises(NotPermitted):
        rooms.waivers.ask("second", BLOCK, "Known.", erin, BY, verdict)  # type: ignore[arg-type]
    rooms.waivers.ask("second", BLOCK, "Known.", judy, BY, verdict)  # type: ignore[arg-type]
    assert BLOCK in [
        one.name for one in rooms.checks.verdict(rooms.releases.find("second").release, judy.ref).blocks
    ]
    assert rooms.releases.find("second").stage == "built"
    (asked,) = rooms.waivers.asked(carol, BY)
    assert (asked.release, asked.block, asked.requester) == ("second", BLOCK, "user:judy")
    ground.roles.grant("approver", "user:judy", "a trial", OPERATOR)
    assert rooms.waivers.asked(judy, BY) == ()
    ground.clock.advance(days=15)  # type: ignore[attr-defined]
    assert rooms.waivers.asked(carol, BY) == ()
    with pytest.raises(NotPermitted):
        rooms.waivers.asked(erin, BY)


def test_main_scores_of_a_run_without_targets_are_the_usual_ones(ground: Workspace) -> None:
    run: Run | None = run_store(ground).latest("canteen")
    assert run is not None
    named = {one.metric for one in headlines(replace(run, targets={})).scores}
    assert "answered" in named and all(one.met is None for one in headlines(replace(run, targets={})).scores)
