"""What is older than the settings let it be kept goes; what is held and the log stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from muniment import settings
from muniment.app import Workspace
from muniment.assistant.feedback import Opinion
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR

CLASSES = ("conversation", "answer", "feedback")


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Workspace:
    kept = {"conversations": 30, "answers": 60, "feedback": 10}
    return make_workspace(clock=clock, settings=settings.parse({"retention": kept}))


def leave(company: Workspace, who: str) -> None:
    person, by = company.principal(who), Actor(f"user:{who}", "http")
    company.conversations.create(person, by, "notes")
    company.feedback.give(person, company.ask("Anything?", who).id, Opinion(True), by)


def counts(company: Workspace) -> tuple[int, ...]:
    with company.database.read() as connection:
        return tuple(
            connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar_one()
            for name in CLASSES
        )


def test_each_class_goes_when_its_days_are_over(company: Workspace, clock: FixedClock) -> None:
    leave(company, "alice")
    for days, left in ((10, (1, 1, 1)), (1, (1, 1, 0)), (18, (1, 1, 0)), (2, (0, 1, 0)), (30, (0, 0, 0))):
        clock.advance(days=days)
        company.retention.sweep()
        assert counts(company) == left
    swept = [one.about["removed"] for one in company.audit.query(kind="privacy.swept")]
    assert swept == [{"feedback": 1}, {"conversations": 1}, {"answers": 1}]
    assert company.audit.query(actor="user:alice") and company.audit.verify().ok


def test_what_is_held_stays_and_goes_once_the_hold_is_lifted(company: Workspace, clock: FixedClock) -> None:
    for who in ("alice", "bob"):
        leave(company, who)
    hold = company.holds.add("user:alice", "Case 12", None, OPERATOR)
    whole = company.holds.add("workspace", "Case 13", None, OPERATOR)
    clock.advance(days=100)
    assert company.retention.sweep() == {} and counts(company) == (2, 2, 2)
    company.holds.lift(whole.id, None, OPERATOR)
    company.retention.sweep()
    assert counts(company) == (1, 1, 1)
    company.holds.lift(hold.id, None, OPERATOR)
    company.retention.sweep()
    assert counts(company) == (0, 0, 0)


def test_a_clock_that_jumped_back_removes_nothing(company: Workspace, clock: FixedClock) -> None:
    leave(company, "alice")
    clock.advance(days=-400)
    assert company.retention.sweep() == {} and counts(company) == (1, 1, 1)


def test_as_shipped_everything_is_kept(workspace: Workspace) -> None:
    assert not workspace.retention.is_on and workspace.retention.sweep() == {}


def test_one_process_sweeps_at_a_time(company: Workspace) -> None:
    with company.database.alone("retention"), pytest.raises(Conflict):
        company.retention.sweep()


@pytest.mark.parametrize("stated", [{"answers": -1}, {"answers": "x"}, {"log": 30}])
def test_a_setting_that_is_none_is_refused(stated: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        settings.parse({"retention": stated})
