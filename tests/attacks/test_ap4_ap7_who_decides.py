"""AP4, AP7: another person decides, who holds the right, has signed in a short while ago and was shown it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.simulators.office import ALICE, BOB, CAROL, Office, approved, shown

from muniment.actions.action import Refused
from muniment.actions.approvals import Approver
from muniment.actions.tables import action, action_decision
from muniment.foundation.errors import Conflict, NotFound, Unauthenticated
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.gate import NotPermitted


def test_who_asks_does_not_decide_and_neither_does_a_stranger(office: Office) -> None:
    office.workspace.roles.grant("approver", "user:alice", "trial", OPERATOR)
    made = office.waiting()
    for who in (ALICE, Principal("user", "dave")):
        assert office.workspace.approvals.inbox(who) == []
        with pytest.raises((NotFound, NotPermitted)):
            office.approve(made, who)
    assert office.effects() == []


def test_large_refunds_take_two_different_people(office: Office) -> None:
    office.shop.orders["A-1"]["total"] = "9000.00"
    made = office.waiting(amount="5000.00")
    assert office.approve(made, BOB).state == "waiting"
    approvals = office.workspace.approvals
    assert (approvals.count(BOB), approvals.count(CAROL)) == (0, 1)
    with pytest.raises(Conflict):
        office.approve(made, BOB)
    assert office.effects() == []
    assert office.approve(made, CAROL).state == "done"


def test_a_decision_that_nobody_made_counts_for_nothing(office: Office) -> None:
    made, other = office.waiting(), approved(office)
    with office.workspace.database.write() as connection:
        row = connection.execute(sa.select(action_decision).where(action_decision.c.action == other.id)).one()
        forged = dict(row._mapping) | {"action": made.id, "digest": made.digest}
        connection.execute(sa.insert(action_decision).values(**forged))
        connection.execute(sa.update(action).where(action.c.id == made.id).values(state="approved"))
    with pytest.raises(Refused):
        office.workspace.execution.run(made.id, OPERATOR)
    assert office.effects() == []


def test_nobody_decides_blindly_or_by_an_old_sign_in(office: Office) -> None:
    made = office.waiting()
    ticket, approver = shown(office, made)
    for bad in ("", "1.abc", ticket[:-1] + ("0" if ticket[-1] != "0" else "1")):
        with pytest.raises(Unauthenticated):
            office.workspace.approvals.approve(made.id, made.digest, bad, approver)
    carols, _ = shown(office, made, CAROL)
    with pytest.raises(Unauthenticated):
        office.workspace.approvals.approve(made.id, made.digest, carols, approver)
    office.clock.advance(minutes=16)
    with pytest.raises(Unauthenticated):
        office.workspace.approvals.approve(made.id, made.digest, ticket, approver)
    office.clock.advance(hours=2)
    with pytest.raises(Unauthenticated):
        office.workspace.approvals.approve(
            made.id, made.digest, ticket, Approver(BOB, approver.by, office.clock.now())
        )
