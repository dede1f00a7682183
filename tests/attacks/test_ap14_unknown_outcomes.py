"""AP14: after a claim, what is not known to have failed is unknown, and never tried again by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.simulators.office import ALICE, Office, approved

from muniment.foundation.errors import Conflict, Unavailable
from muniment.governance.identity.principal import OPERATOR


def test_an_outcome_that_is_not_known_is_never_tried_again(office: Office) -> None:
    made = approved(office)
    office.shop.fault = "breaks after"
    found = office.workspace.execution.run(made.id, OPERATOR)
    assert found.state == "unknown"
    office.shop.fault = ""
    with pytest.raises(Conflict):
        office.workspace.execution.run(made.id, OPERATOR)
    assert len(office.effects()) == 1
    settled = office.workspace.claims.decide_unknown(made.id, "done", "the bank shows it", OPERATOR)
    assert settled.state == "done"


def test_a_crash_after_the_claim_gives_unknown_once_its_time_is_over(office: Office) -> None:
    made = approved(office)
    office.workspace.claims.claim(made.id, "1", OPERATOR)
    assert office.workspace.claims.overdue() == 0
    office.clock.advance(seconds=36)
    assert office.workspace.actions.show(made.id, ALICE).state == "unknown"
    assert office.workspace.claims.overdue() == 1
    with pytest.raises(Conflict):
        office.workspace.execution.run(made.id, OPERATOR)
    assert office.effects() == [] and office.entries("action.unknown") == 1


def test_a_refusal_of_the_other_side_is_a_failure_and_another_type_is_not_known(office: Office) -> None:
    office.shop.fault = "refuses"
    assert office.workspace.execution.run(approved(office).id, OPERATOR).state == "failed"
    office.shop.fault = "another type"
    assert office.workspace.execution.run(approved(office).id, OPERATOR).state == "unknown"


def test_what_was_approved_and_left_is_taken_up_once(office: Office) -> None:
    made = approved(office)
    assert office.workspace.execution.take_up() == 0
    office.clock.advance(seconds=16)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: office.workspace.execution.take_up(), range(8))) == 1
    assert len(office.effects()) == 1 and office.workspace.actions.show(made.id, ALICE).state == "done"


def test_what_cannot_be_begun_for_a_while_stays_approved(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = approved(office)

    def full(*_: object) -> str:
        raise Unavailable("The audit log cannot be written, so nothing was done.")

    with monkeypatch.context() as patch:
        patch.setattr(office.workspace.execution, "_versions", full)
        with pytest.raises(Unavailable):
            office.workspace.execution.run(made.id, OPERATOR)
    assert office.workspace.actions.show(made.id, ALICE).state == "approved" and office.effects() == []
    assert office.workspace.execution.run(made.id, OPERATOR).state == "done"
    assert len(office.effects()) == 1
