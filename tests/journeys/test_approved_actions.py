"""Actions through the workspace: proposed, approved, carried out, taken back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.simulators.office import ALICE, BOB, CAROL, Office, shown
from tests.simulators.shop import REFUND

from muniment.actions.proposals import Call
from muniment.foundation.errors import Conflict, MunimentError, NotFound, TooMany
from muniment.governance.identity.principal import OPERATOR, Actor


def test_a_refund_waits_for_a_lead_and_happens_once(office: Office) -> None:
    made = office.waiting()
    assert [one.id for one in office.workspace.approvals.inbox(BOB)] == [made.id]
    assert office.effects() == []
    done = office.approve(made)
    assert done.state == "done" and done.result == {"id": "R-1"}
    assert office.effects() == [{"order": "A-1", "amount": "20.00"}]
    assert office.shop.effects[0][1] == made.digest
    with pytest.raises(Conflict):
        office.workspace.execution.run(made.id, OPERATOR)
    for kind in ("action.proposed", "action.shown", "action.approved", "action.claimed", "action.done"):
        assert office.entries(kind) == 1


def test_a_rejection_says_why_and_the_same_is_not_asked_again_soon(office: Office) -> None:
    made = office.waiting()
    with pytest.raises(MunimentError):
        office.reject(made, "  ")
    assert office.reject(made, "the customer was paid last week").state == "rejected"
    with pytest.raises(Conflict):
        office.approve(made, CAROL)
    again = office.propose()
    assert again.action is None and "rejected" in again.verdict.reasons[-1]
    assert office.propose(amount="19.00").action is not None
    office.clock.advance(minutes=61)
    assert office.propose().action is not None


def test_inboxes_cannot_be_flooded_and_nobody_decides_faster_than_they_read(office: Office) -> None:
    made = [office.waiting(amount=f"{cents}.00") for cents in range(1, 21)]
    assert office.propose(amount="77.00").action is None
    for one in made[:10]:
        office.workspace.approvals.approve(one.id, one.digest, *shown(office, one))
    with pytest.raises(TooMany):
        office.workspace.approvals.approve(made[10].id, made[10].digest, *shown(office, made[10]))
    [figures] = office.workspace.approvals.figures()
    assert (figures.person, figures.decided, figures.approved) == ("user:bob", 10, 10)


def test_counting_what_waits_asks_the_database_no_more_often_where_more_waits(office: Office) -> None:
    asked: list[str] = []

    def said(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    taken: list[int] = []
    for number in range(1, 9):
        office.waiting(amount=f"{number}.00")
        sa.event.listen(sa.Engine, "before_cursor_execute", said)
        try:
            assert office.workspace.approvals.count(BOB) == number
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", said)
        taken.append(len(asked))
        asked.clear()
    assert len(set(taken)) == 1


def test_what_was_done_can_be_taken_back_by_its_undo(office: Office) -> None:
    done = office.approve(office.waiting())
    assert done.undo == {"tool": "cancel_refund", "arguments": {"refund": "R-1"}}
    outcome = office.workspace.actions.undo(done.id, ALICE, Actor("user:alice", "http"))
    assert outcome.action is not None and outcome.action.state == "done"
    assert office.shop.effects[-1][0] == "cancel_refund"


def test_an_undo_by_what_anybody_wrote_waits_for_people(office: Office) -> None:
    said_by_anybody = REFUND.replace('id = { integrity = "system", readers = "company" }', "")
    assert said_by_anybody != REFUND
    office.workspace.tools.add(said_by_anybody, None, OPERATOR)
    done = office.approve(office.waiting())
    outcome = office.workspace.actions.undo(done.id, ALICE, Actor("user:alice", "http"))
    assert outcome.action is not None and outcome.action.state == "waiting"


def test_a_dry_run_says_what_would_become_of_it_and_keeps_nothing(office: Office) -> None:
    by = Actor("user:alice", "http")
    call = Call("refund", {"order": "A-1", "amount": "20.00"})
    outcome = office.workspace.actions.propose(ALICE, by, call, dry=True)
    assert outcome.verdict.outcome == "approval" and outcome.action is None
    assert office.workspace.actions.mine(ALICE) == []


def test_another_reads_nothing_of_an_action(office: Office) -> None:
    made = office.waiting()
    for who in (BOB, CAROL):
        with pytest.raises(NotFound):
            office.workspace.actions.show(made.id, who)
    with pytest.raises(NotFound):
        office.workspace.approvals.show("act_none", BOB, Actor("user:bob", "web"))
