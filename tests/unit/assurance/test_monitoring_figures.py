"""Status, drift, freshness and outcomes: figures with what they rest on, and cases made of answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.office import Office

from muniment.app import Workspace
from muniment.assistant.feedback import Opinion
from muniment.assurance.monitoring.freshness import source_ages
from muniment.assurance.monitoring.numbers import quantile, ratio
from muniment.assurance.monitoring.status import Row, Status
from muniment.assurance.monitoring.tables import outcome
from muniment.foundation.clock import FixedClock, timestamp
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge.tables import document

ONCALL = "How much is the on-call engineer paid for each weekend?"
CANTEEN = "When does the canteen open?"
ALICE, BOB, CAROL = (Principal("user", name) for name in ("alice", "bob", "carol"))
WEEK = timedelta(days=7)


def by(who: Principal) -> Actor:
    return Actor(who.ref, "cli")


@pytest.fixture
def company(
    copied: Callable[..., Workspace],
    make_workspace: Callable[..., Workspace],
    folder: Path,
    clock: FixedClock,
) -> Workspace:
    def make() -> Workspace:
        made = make_workspace(clock=clock)
        made.ingest(folder, "docs")
        return made

    return copied(make, clock=clock)


def row(found: Status, name: str) -> Row:
    return next(one for one in found.rows if one.name == name)


def test_a_quantile_has_the_interval_of_its_order_and_none_where_there_are_too_few() -> None:
    found = quantile([float(n) for n in range(1, 101)], 0.5)
    assert (found.value, found.low, found.high) == (50.0, 41.0, 61.0)
    assert quantile([1.0, 2.0], 0.95).low is None and quantile([], 0.5).value is None


def test_statements_of_one_answer_count_as_one_case() -> None:
    alone, together = ratio([(1, 4)] * 10 + [(0, 4)] * 10), ratio([(4, 4)] * 10 + [(0, 4)] * 30)
    assert alone.value == 0.125 and together.value == 0.25
    assert together.low is not None and together.high is not None
    assert together.high - together.low > 0.2
    assert ratio([]).value is None and ratio([(0, 3)] * 5).value == 0.0


def test_status_puts_a_period_beside_the_one_before_and_marks_what_is_more_than_noise(
    company: Workspace, clock: FixedClock
) -> None:
    for _ in range(12):
        company.ask(CANTEEN, "alice")
    clock.advance(days=7)
    for number in range(12):
        made = company.ask(f"Who painted chapel {number}?", "alice")
        company.feedback.give(ALICE, made.id, Opinion(number > 3), by(ALICE))
    found = company.monitoring.statuses.of(WEEK, OPERATOR)
    assert (row(found, "answers").now.n, row(found, "answers").before.n) == (12, 12)
    assert row(found, "abstained").changed and row(found, "with feedback").changed
    assert row(found, "useful, of feedback").now.value == pytest.approx(8 / 12)
    assert not row(found, "failed").changed and row(found, "failed").now.value == 0.0
    assert not row(found, "latency p50").changed
    text = json.dumps(found.as_json())
    assert "chapel" not in text and "canteen" not in text and "alice" not in text


def test_failures_are_counted_and_what_the_caller_did_is_not(
    company: Workspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.ask(CANTEEN, "alice")
    with pytest.raises(BadInput):
        company.ask(" ", "alice")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(company.retriever, "retrieve", broken)
    with pytest.raises(Exception, match="inside muniment"):
        company.ask(CANTEEN, "alice")
    failed = row(company.monitoring.statuses.of(WEEK, OPERATOR), "failed")
    assert (failed.now.value, failed.now.n) == (0.5, 2)


def test_an_empty_workspace_has_a_status(company: Workspace) -> None:
    found = company.monitoring.statuses.of(WEEK, OPERATOR)
    assert not any(one.changed for one in found.rows)
    assert all(one.now.value in (None, 0.0) for one in found.rows)


@pytest.mark.parametrize("vectors", [False, True])
def test_other_questions_are_found_and_examples_go_to_who_may_review_them(
    make_workspace: Callable[..., Workspace], folder: Path, clock: FixedClock, vectors: bool
) -> None:
    company = make_workspace(clock=clock, embedder=lambda: HashedEmbedder() if vectors else None)
    company.ingest(folder, "docs")
    company.roles.grant("evaluator", "user:bob", "reviews", OPERATOR)
    for _ in range(12):
        company.ask(CANTEEN, "alice")
    clock.advance(days=7)
    for _ in range(12):
        company.ask(ONCALL, "alice")
    found = company.monitoring.drifts.of(WEEK, timedelta(days=30), None, OPERATOR)
    moved = {one.name: one for one in found.tests}
    assert moved["questions"].moved and moved["questions"].how == ("vectors" if vectors else "words")
    assert not moved["abstained"].moved and found.examples == ()
    for_bob = company.monitoring.drifts.of(WEEK, timedelta(days=30), BOB, by(BOB))
    assert for_bob.examples == () and for_bob.tests == found.tests
    company.access.set("docs/engineering", ["group:everyone"], [], OPERATOR)
    examples = company.monitoring.drifts.of(WEEK, timedelta(days=30), BOB, by(BOB)).examples
    assert len(set(examples)) == 5


def test_too_few_questions_are_not_compared(company: Workspace) -> None:
    company.ask(CANTEEN, "alice")
    with pytest.raises(BadInput, match="each needs 10"):
        company.monitoring.drifts.of(WEEK, WEEK, None, OPERATOR)


def test_sources_tell_how_old_they_are(company: Workspace, clock: FixedClock) -> None:
    clock.advance(days=400)
    [found] = company.monitoring.freshness.of(timedelta(days=365), OPERATOR)
    assert (found.source, found.documents, found.failed) == ("docs", 5, 0)
    assert found.read == pytest.approx(400)


def test_ages_that_the_database_tells_are_those_of_each_document(
    company: Workspace, clock: FixedClock
) -> None:
    written = ["2024-06-01T12:00:00.001Z", "", "2099-01-01T00:00:00.000Z", "2023-01-01T00:00:00.000Z"]
    now = clock.now()
    edge = timestamp(now - timedelta(days=365))
    with company.database.write() as connection:
        ids = list(connection.execute(sa.select(document.c.id).order_by(document.c.id)).scalars())
        for one, at in zip(ids, [*written, edge], strict=True):
            connection.execute(sa.update(document).where(document.c.id == one).values(modified_at=at))
        every = connection.execute(sa.select(document.c.modified_at, document.c.changed_at)).all()
    ages = sorted(
        max(0.0, (now - datetime.fromisoformat(at or changed)).total_seconds() / 86400)
        for at, changed in every
    )
    for old in (timedelta(days=365), timedelta(days=365, microseconds=-1), timedelta(days=1)):
        with company.database.read() as connection:
            [found] = source_ages(connection, now, old)
        past = sum(age > old.total_seconds() / 86400 for age in ages)
        assert (found.documents, found.median, found.oldest, found.old) == (5, ages[2], ages[-1], past)


def test_outcomes_are_reported_by_who_asked_and_joined_by_prompt(company: Workspace) -> None:
    made = company.ask(CANTEEN, "alice")
    report = company.monitoring.outcomes.report
    told = []
    for target in (made.id, "ans_none", "act_none", "run_none", "x\x00"):
        with pytest.raises(NotFound) as refused:
            report(target, "resolved", BOB, by(BOB))
        told.append(str(refused.value))
    assert len(set(told)) == 1
    with pytest.raises(BadInput):
        report(made.id, "superb", ALICE, by(ALICE))
    for result in ("resolved", "reopened"):
        assert report(made.id, result, ALICE, by(ALICE)) == "answer"
    report(made.id, "resolved", None, OPERATOR)
    [group] = company.monitoring.outcomes.of(WEEK, OPERATOR)
    assert (group.kind, group.name, dict(group.reported)) == (
        "answer", str(made.lineage["prompt"]), {"resolved": 1, "reopened": 1},
    )  # fmt: skip


def test_an_answers_outcome_goes_with_its_asker(company: Workspace) -> None:
    made = company.ask(CANTEEN, "alice")
    company.monitoring.outcomes.report(made.id, "wrong", None, OPERATOR)
    company.erasure.erase("alice", "Request", None, OPERATOR)
    with company.database.read() as connection:
        assert connection.execute(sa.select(outcome)).all() == []


def test_a_finding_becomes_a_case_in_one_call(company: Workspace) -> None:
    made = company.ask(ONCALL, "alice")
    case, place = company.monitoring.findings.make(made.id, "support", ALICE, by(ALICE))
    assert place == company.home / "evals" / "support" / "cases.jsonl"
    assert json.loads(place.read_text()) == {
        "id": made.id,
        "asker": "alice",
        "question": ONCALL,
        "relevant": ["engineering/oncall.md"],
        "tags": ["finding"],
        "source": made.id,
        "note": "Fill in the facts that a right answer holds.",
    }
    assert place.stat().st_mode & 0o777 == 0o600 and case.relevant
    with pytest.raises(Conflict):
        company.monitoring.findings.make(made.id, "support", ALICE, by(ALICE))
    other = company.ask(CANTEEN, "alice")
    company.monitoring.findings.make(other.id, "support", ALICE, by(ALICE), ["all/canteen.txt"])
    assert [json.loads(line)["id"] for line in place.read_text().splitlines()] == [made.id, other.id]
    assert [entry.about["answer"] for entry in company.audit.query(kind="case.made")][:1] == [made.id]


def test_nobody_makes_a_case_of_what_they_may_not_read(company: Workspace) -> None:
    company.roles.grant("evaluator", "user:bob", "reviews", OPERATOR)
    company.roles.grant("evaluator", "user:carol", "reviews", OPERATOR)
    made, told = company.ask(ONCALL, "alice"), []
    for who in (BOB, CAROL):
        for target in (made.id, "ans_none", "x\x00"):
            with pytest.raises(NotFound) as refused:
                company.monitoring.findings.make(target, "support", who, by(who))
            told.append(str(refused.value))
    assert len(set(told)) == 1 and not (company.home / "evals").exists()
    company.access.set("docs/engineering", ["group:everyone"], [], OPERATOR)
    assert company.monitoring.findings.make(made.id, "support", BOB, by(BOB))[0].asker == "alice"


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "x" * 65])
def test_a_suite_has_a_plain_name(company: Workspace, name: str) -> None:
    made = company.ask(ONCALL, "alice")
    with pytest.raises(BadInput):
        company.monitoring.findings.make(made.id, name, ALICE, by(ALICE))


def test_a_case_must_abstain_where_reviewers_say_so(company: Workspace) -> None:
    company.roles.grant("evaluator", "user:bob", "reviews", OPERATOR)
    made = company.ask("Who painted the ceiling of the chapel?", "alice")
    assert made.status == "abstained"
    with pytest.raises(BadInput, match="No document"):
        company.monitoring.findings.make(made.id, "support", ALICE, by(ALICE))
    drawn = company.monitoring.sampling.draw(4, WEEK, "why", None, OPERATOR)
    shown = company.monitoring.reviewing.next(drawn.id, BOB, by(BOB))
    assert shown is not None
    company.monitoring.reviewing.label(shown.item, BOB, by(BOB), "fine-abstention")
    case, _ = company.monitoring.findings.make(made.id, "support", ALICE, by(ALICE))
    assert case.abstain and case.relevant == ()


def test_actions_tell_how_they_ended_and_what_their_requester_reports(office: Office) -> None:
    done, rejected = office.approve(office.waiting()), office.waiting(amount="30.00")
    office.reject(rejected, "too much")
    monitoring = office.workspace.monitoring
    assert monitoring.outcomes.report(done.id, "resolved", ALICE, by(ALICE)) == "action"
    with pytest.raises(NotFound):
        monitoring.outcomes.report(done.id, "wrong", BOB, by(BOB))
    [group] = [one for one in monitoring.outcomes.of(WEEK, OPERATOR) if one.kind == "action"]
    assert (group.name, dict(group.ended)) == ("refund", {"done": 1, "rejected": 1})
    assert dict(group.reported) == {"resolved": 1} and group.resolved.n == 1
    found = monitoring.statuses.of(WEEK, OPERATOR)
    assert row(found, "actions done").now.value == row(found, "actions rejected").now.value == 0.5
