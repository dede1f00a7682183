"""AP2, AP6: what was changed, withdrawn, rejected, too late or revoked after its approval never happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from tests.simulators.office import ALICE, Office, approved
from tests.simulators.shop import REFUND

from muniment.actions.action import Action
from muniment.actions.tables import action
from muniment.foundation.errors import MunimentError
from muniment.governance.identity.principal import OPERATOR, Actor


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda o, _: o.shop.orders["A-1"].update(version=2), id="the record has another version"
        ),
        pytest.param(
            lambda o, _: o.workspace.tools.add(REFUND.replace("seconds = 5", "seconds = 6"), None, OPERATOR),
            id="the tool's manifest is another",
        ),
        pytest.param(
            lambda o, _: o.workspace.tools.disable("refund", "doubt", None, OPERATOR),
            id="the tool is disabled",
        ),
        pytest.param(
            lambda o, _: o.workspace.roles.revoke("tool-user", "group:support", "over", OPERATOR),
            id="the requester may not any more",
        ),
        pytest.param(
            lambda o, _: o.workspace.roles.revoke("approver", "group:leads", "over", OPERATOR),
            id="the approver may not any more",
        ),
        pytest.param(
            lambda o, _: o.workspace.directory.remove_member("leads", "user:bob", OPERATOR),
            id="the approver left the leads",
        ),
        pytest.param(lambda o, _: o.clock.advance(days=2), id="it is too late"),
        pytest.param(
            lambda o, _: o.workspace.stops.stop("everything", "", "alarm", None, OPERATOR),
            id="all is stopped",
        ),
        pytest.param(
            lambda o, _: o.workspace.stops.stop("tool", "refund", "alarm", None, OPERATOR),
            id="the tool is stopped",
        ),
        pytest.param(
            lambda o, made: o.workspace.approvals.withdraw(made.id, ALICE, Actor("user:alice", "http")),
            id="it was withdrawn",
        ),
    ],
)
def test_what_changed_after_the_approval_keeps_it_from_happening(
    office: Office, change: Callable[[Office, Action], object]
) -> None:
    made = approved(office)
    change(office, made)
    with pytest.raises(MunimentError):
        office.workspace.execution.run(made.id, OPERATOR)
    assert office.effects() == []
    with office.workspace.database.read() as connection:
        state = connection.execute(sa.select(action.c.state).where(action.c.id == made.id)).scalar_one()
    assert state in ("refused", "expired", "withdrawn")


MUTATED = ("digest", "tool", "requester", "since", "bound", "approvers", "expires_at")


@pytest.mark.parametrize("column", MUTATED)
def test_no_byte_of_a_stored_action_can_be_changed(office: Office, column: str) -> None:
    made = approved(office)
    with office.workspace.database.read() as connection:
        stored = connection.execute(sa.select(action.c[column]).where(action.c.id == made.id)).scalar_one()
    changes: list[object] = [stored + 1, stored - 1] if isinstance(stored, int) else []
    if isinstance(stored, str):
        for at in range(0, len(stored), max(1, len(stored) // 40)):
            other = "0" if stored[at] != "0" else "1"
            changes += [stored[:at] + other + stored[at + 1 :], stored[:at] + stored[at + 1 :]]
    for changed in changes:
        with office.workspace.database.write() as connection:
            connection.execute(
                sa.update(action).where(action.c.id == made.id).values({column: changed, "state": "approved"})
            )
        with pytest.raises(MunimentError):
            office.workspace.execution.run(made.id, OPERATOR)
        assert office.effects() == []
    with office.workspace.database.write() as connection:
        connection.execute(
            sa.update(action).where(action.c.id == made.id).values({column: stored, "state": "approved"})
        )
    assert office.workspace.execution.run(made.id, OPERATOR).state == "done"
