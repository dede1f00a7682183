"""Actions of somebody who was erased: what was approved stays as evidence, under a pseudonym."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.simulators.office import BOB, CAROL, Office, approved

from muniment.actions.tables import action, action_decision
from muniment.foundation.errors import Conflict
from muniment.governance.identity.principal import OPERATOR


def holding(office: Office, word: str) -> set[str]:
    """Return the tables of actions that hold a word."""
    found: set[str] = set()
    with office.workspace.database.read() as connection:
        for name in ("action", "action_decision", "notification", "tool_call"):
            rows = connection.execute(sa.text(f"SELECT * FROM {name}")).all()
            found |= {name for row in rows if word in str(tuple(row))}
    return found


def states(office: Office) -> dict[str, str]:
    with office.workspace.database.read() as connection:
        return {row.id: row.state for row in connection.execute(sa.select(action)).all()}


def test_what_was_carried_out_can_still_be_read_and_names_a_pseudonym(office: Office) -> None:
    made = office.approve(office.waiting())
    assert made.state == "done"
    done = office.workspace.erasure.erase("alice", "Request 17", None, OPERATOR)
    assert holding(office, "user:alice") == set()
    with office.workspace.database.read() as connection:
        row = connection.execute(sa.select(action).where(action.c.id == made.id)).one()
        decision = connection.execute(sa.select(action_decision)).one()
    assert (row.state, row.requester) == ("done", done.pseudonym)
    assert decision.digest == row.digest and office.workspace.seals.holds(decision)
    renamed = office.workspace.audit.query(kind="action.pseudonymised")
    assert [one.about for one in renamed] == [
        {"action": made.id, "digest": row.digest, "digest_before": made.digest}
    ]
    assert made.digest in {
        str(one.about.get("digest")) for one in office.workspace.audit.query(kind="action.approved")
    }


def test_what_waits_goes_and_what_was_approved_is_never_carried_out(office: Office) -> None:
    waits, ready = office.waiting(), approved(office, amount="31.00")
    office.workspace.erasure.erase("alice", "Request 17", None, OPERATOR)
    assert states(office) == {ready.id: "withdrawn"} and waits.id != ready.id
    with pytest.raises(Conflict):
        office.workspace.execution.run(ready.id, OPERATOR)
    assert office.effects() == []
    assert holding(office, "user:alice") == set()


def test_an_approval_by_somebody_who_was_erased_counts_for_nothing_more(office: Office) -> None:
    office.shop.orders["A-1"]["total"] = "9000.00"
    made = office.waiting(amount="5000.00")
    assert office.approve(made, BOB).state == "waiting"
    office.workspace.erasure.erase("bob", "Request 17", None, OPERATOR)
    assert office.approve(made, CAROL).state == "waiting"
    assert office.effects() == []


def test_an_approver_is_a_pseudonym_where_the_action_is_over(office: Office) -> None:
    made = office.approve(office.waiting())
    done = office.workspace.erasure.erase("bob", "Request 17", None, OPERATOR)
    assert holding(office, "user:bob") == set()
    shown = office.workspace.actions.show(made.id, office.workspace.principal("alice"))
    assert [one.person for one in shown.decisions] == [done.pseudonym]


def test_a_decision_that_was_forged_is_not_made_good_by_an_erasure(office: Office) -> None:
    office.approve(office.waiting())
    with office.workspace.database.write() as connection:
        connection.execute(sa.update(action_decision).values(reason="forged"))
    office.workspace.erasure.erase("alice", "Request 17", None, OPERATOR)
    with office.workspace.database.read() as connection:
        assert not office.workspace.seals.holds(connection.execute(sa.select(action_decision)).one())
