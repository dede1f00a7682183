"""Samples are drawn over strata, and reviewed by those alone who may read what the answers rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.assistant.feedback import Opinion
from muniment.assurance.monitoring.sampling import ReviewSet
from muniment.assurance.monitoring.tables import outcome, review_item, review_label
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.gate import NotPermitted
from muniment.settings import parse

ONCALL = "How much is the on-call engineer paid for each weekend?"
CANTEEN = "When does the canteen open?"
NOTHING = "Who painted the ceiling of the chapel?"
WEEK = timedelta(days=7)
PEOPLE = """
[users.alice]
groups = ["engineering"]
[users.bob]
groups = ["sales"]
[users.carol]
groups = ["engineering"]
[users.dave]
groups = ["engineering"]
[users.eve]
groups = []
[groups.engineering]
[groups.sales]
"""


@pytest.fixture
def company(
    copied: Callable[..., Workspace], make_workspace: Callable[..., Workspace], folder: Path
) -> Workspace:
    """Return a workspace with answers of alice, whose reviewers are bob, carol, dave and alice herself."""

    def make() -> Workspace:
        made = make_workspace(directory=PEOPLE)
        made.ingest(folder, "docs")
        for name in ("alice", "bob", "carol", "dave"):
            made.roles.grant("evaluator", f"user:{name}", "they review", OPERATOR)
        for question in (ONCALL, CANTEEN, NOTHING):
            made.ask(question, "alice")
        return made

    return copied(make)


def draw(workspace: Workspace, size: int = 20) -> ReviewSet:
    return workspace.monitoring.sampling.draw(size, WEEK, "First week", None, OPERATOR)


def seen(workspace: Workspace, set_id: str, name: str, verdict: str = "", settle: bool = False) -> list[str]:
    """Label all that a reviewer is shown; return the questions."""
    who, questions = Principal("user", name), []
    while shown := workspace.monitoring.reviewing.next(set_id, who, Actor(who.ref, "cli"), settle):
        questions.append(shown.question)
        said = verdict if verdict in shown.verdicts else shown.verdicts[0]
        workspace.monitoring.reviewing.label(shown.item, who, Actor(who.ref, "cli"), said, settle=settle)
    return questions


def test_each_stratum_is_drawn_and_weighted_and_the_log_has_seed_and_reason(company: Workspace) -> None:
    for _ in range(7):
        company.ask(CANTEEN, "alice")
    drawn = draw(company, 6)
    assert (drawn.answers, drawn.size) == (10, 6)
    assert {name.split(" | ")[0] for name in drawn.strata} == {"answered", "abstained"}
    with company.database.read() as connection:
        rows = connection.execute(sa.select(review_item.c.weight)).scalars().all()
    assert sum(rows) == pytest.approx(10)
    [entry] = company.audit.query(kind="review.drawn")
    assert entry.about["seed"] == str(drawn.seed) and entry.about["size"] == 6
    assert str(entry.about["reason"]).startswith("hmac")


def test_questions_of_suites_and_answers_done_again_are_not_drawn(company: Workspace) -> None:
    company.ask(ONCALL, "alice", by=OPERATOR)
    last = company.ask(ONCALL, "alice").id
    company.replaying.replay(Principal("user", "alice"), last, Actor("user:alice", "cli"), ask=True)
    assert draw(company).answers == 4


@BOTH
def test_a_reviewer_sees_what_they_may_read_and_nobody_their_own(company: Workspace) -> None:
    drawn = draw(company)
    assert sorted(seen(company, drawn.id, "carol")) == sorted([ONCALL, CANTEEN, NOTHING])
    assert ONCALL not in seen(company, drawn.id, "bob")
    assert seen(company, drawn.id, "alice") == []
    with pytest.raises(NotPermitted):
        seen(company, drawn.id, "eve")


def test_an_item_goes_to_two_and_no_further(company: Workspace) -> None:
    drawn = draw(company)
    seen(company, drawn.id, "carol")
    assert CANTEEN in seen(company, drawn.id, "bob")
    assert seen(company, drawn.id, "dave") == [ONCALL]


def test_what_is_shown_says_nothing_of_who_asked_or_what_answered(company: Workspace) -> None:
    drawn = draw(company)
    dave = Principal("user", "dave")
    shown = company.monitoring.reviewing.next(drawn.id, dave, Actor(dave.ref, "cli"))
    assert shown is not None and shown.left == 3
    text = str(shown.as_json())
    assert "alice" not in text and "quotes-" not in text and "ans_" not in text
    [entry] = company.audit.query(kind="review.shown")
    assert (entry.actor, entry.about["item"]) == ("user:dave", shown.item)


def test_reviewers_go_through_a_sample_in_orders_of_their_own(company: Workspace) -> None:
    for number in range(12):
        company.ask(f"When does the canteen open on day {number}?", "alice")
    drawn = draw(company, 30)
    orders = [seen(company, drawn.id, name) for name in ("carol", "dave")]
    assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]


def test_nothing_is_shown_that_cannot_be_recorded(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = draw(company)

    def full(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(company.audit, "record", full)
    with pytest.raises(OSError, match="full"):
        seen(company, drawn.id, "carol")


def test_rights_that_went_while_the_showing_was_recorded_count(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, carol = draw(company), Principal("user", "carol")
    by, reviewing = Actor(carol.ref, "cli"), company.monitoring.reviewing
    shown = reviewing.next(drawn.id, carol, by)
    if shown is not None and shown.question == NOTHING:
        reviewing.label(shown.item, carol, by, "fine-abstention")
    record = company.audit.record

    def and_revoke(entries: Sequence[Entry]) -> object:
        written = record(entries)
        for place in ("engineering", "all"):
            company.access.set(f"docs/{place}", ["user:alice"], [], OPERATOR)
        return written

    monkeypatch.setattr(company.audit, "record", and_revoke)
    with pytest.raises(NotFound):
        reviewing.next(drawn.id, carol, by)


def test_a_follow_up_goes_to_those_alone_who_may_read_what_came_before(company: Workspace) -> None:
    alice = Principal("user", "alice")
    by = Actor(alice.ref, "cli")
    conversation = "new"
    for question in (ONCALL, CANTEEN):
        thread = company.dialogue.resume(alice, conversation, question, by)
        list(company.dialogue.stream(alice, thread, by))
        conversation = thread.conversation
    drawn = draw(company)
    assert seen(company, drawn.id, "bob").count(CANTEEN) == 1
    assert seen(company, drawn.id, "carol").count(CANTEEN) == 2


def test_a_verdict_must_fit_and_replaces_ones_own(company: Workspace) -> None:
    drawn = draw(company)
    carol = Principal("user", "carol")
    by, reviewing = Actor(carol.ref, "cli"), company.monitoring.reviewing
    shown = reviewing.next(drawn.id, carol, by)
    assert shown is not None
    wrong = "fine-abstention" if shown.status == "answered" else "right"
    for verdict in (wrong, "superb"):
        with pytest.raises(BadInput):
            reviewing.label(shown.item, carol, by, verdict)
    with pytest.raises(Conflict):
        reviewing.label(shown.item, carol, by, "wrong", settle=True)
    for note in ("first", "second"):
        reviewing.label(shown.item, carol, by, "wrong", note)
    with company.database.read() as connection:
        assert connection.execute(sa.select(review_label.c.note)).scalars().all() == ["second"]
    assert "second" not in str([entry.about for entry in company.audit.tail(5)])


def test_disputes_are_listed_and_settled_by_a_third(company: Workspace) -> None:
    drawn = draw(company)
    seen(company, drawn.id, "carol", "right")
    seen(company, drawn.id, "dave", "wrong")
    found = company.monitoring.agreements.of(drawn.id, None, OPERATOR)
    assert (found.items, found.by_two, len(found.disputed)) == (3, 3, 3)
    assert found.raw.value == 0.0 and found.not_reviewable == 0
    assert seen(company, drawn.id, "carol", settle=True) == []
    settled = seen(company, drawn.id, "bob", settle=True)
    assert ONCALL not in settled and CANTEEN in settled
    after = company.monitoring.agreements.of(drawn.id, None, OPERATOR)
    assert after.settled == len(settled) and len(after.disputed) == 3 - len(settled)


def test_what_no_reviewer_may_read_is_counted_for_the_operator_alone(company: Workspace) -> None:
    drawn = draw(company)
    company.access.set("docs/engineering", ["user:alice"], [], OPERATOR)
    found = company.monitoring.agreements.of(drawn.id, None, OPERATOR)
    assert found.items == 3 and found.not_reviewable == 1
    named = company.monitoring.agreements.of(drawn.id, Principal("user", "carol"), OPERATOR)
    assert named.not_reviewable is None and named.items == 2


def test_quality_speaks_for_all_answers_and_says_what_it_rests_on(company: Workspace) -> None:
    for number in range(9):
        made = company.ask(f"When does the canteen open on day {number}?", "alice")
        company.feedback.give(
            Principal("user", "alice"), made.id, Opinion(number < 6), Actor("user:alice", "cli")
        )
    drawn = draw(company, 8)
    seen(company, drawn.id, "carol")
    seen(company, drawn.id, "dave")
    found = company.monitoring.qualities.of(drawn.id, OPERATOR)
    assert found.shares["right"].value == pytest.approx(1.0)
    assert found.shares["right"].low is not None and found.shares["right"].low < 0.95
    assert (found.drawn.answers, found.reviewed, found.labels) == (12, 8, 16)
    assert found.feedback.naive.value == pytest.approx(6 / 9)
    assert found.feedback.anchored.value is None
    assert any("16 labels of 8 answers" in one for one in found.remarks)
    assert any("self-selected" in one for one in found.remarks)


def test_reviews_go_with_the_person_whose_answers_they_are_about(company: Workspace) -> None:
    drawn = draw(company)
    seen(company, drawn.id, "carol")
    company.erasure.erase("carol", "Request", None, OPERATOR)
    with company.database.read() as connection:
        names = set(connection.execute(sa.select(review_label.c.reviewer)).scalars())
    assert len(names) == 1 and not names & {"user:carol"}
    company.erasure.erase("alice", "Request", None, OPERATOR)
    with company.database.read() as connection:
        for table in (review_item, review_label):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


def count(workspace: Workspace, *tables: sa.Table) -> list[int]:
    with workspace.database.read() as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(one)).scalar_one() for one in tables
        ]


def test_reviews_and_outcomes_go_with_a_conversation_that_is_deleted(company: Workspace) -> None:
    alice = Principal("user", "alice")
    by = Actor(alice.ref, "cli")
    thread = company.dialogue.resume(alice, "new", CANTEEN, by)
    list(company.dialogue.stream(alice, thread, by))
    drawn = draw(company)
    seen(company, drawn.id, "carol")
    [made] = company.audit.query(kind="answer.finished", limit=10)[-1:]
    company.monitoring.outcomes.report(str(made.about["answer"]), "resolved", alice, by)
    assert count(company, review_item, review_label, outcome) == [4, 4, 1]
    company.conversations.delete(alice, thread.conversation, by)
    assert count(company, review_item, review_label, outcome) == [3, 3, 0]


def test_reviews_are_kept_no_longer_than_the_answers_they_are_about(
    make_workspace: Callable[..., Workspace], folder: Path, clock: FixedClock
) -> None:
    chosen = parse({"retention": {"answers": 30}})
    company = make_workspace(directory=PEOPLE, clock=clock, settings=chosen)
    company.ingest(folder, "docs")
    company.roles.grant("evaluator", "user:carol", "reviews", OPERATOR)
    company.ask(CANTEEN, "alice")
    seen(company, draw(company).id, "carol")
    clock.advance(days=31)
    company.retention.sweep(OPERATOR)
    assert count(company, review_item, review_label) == [0, 0]


def test_a_person_is_told_of_reviews_of_their_answers_without_the_notes(
    company: Workspace, tmp_path: Path
) -> None:
    carol, drawn = Principal("user", "carol"), draw(company)
    by = Actor(carol.ref, "cli")
    shown = company.monitoring.reviewing.next(drawn.id, carol, by)
    assert shown is not None
    company.monitoring.reviewing.label(shown.item, carol, by, "wrong", "walnut note")
    company.subject_access.write("alice", tmp_path / "told", None, OPERATOR)
    told = "".join(file.read_text() for file in (tmp_path / "told").iterdir())
    assert '"verdict": "wrong"' in told and "walnut" not in told and "user:carol" not in told
