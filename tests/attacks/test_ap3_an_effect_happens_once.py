"""AP3: of all that race to carry an action out, one does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tests.simulators.office import Office, shown

from muniment.foundation.errors import MunimentError
from muniment.governance.identity.principal import OPERATOR


def test_of_many_that_execute_at_once_one_does(office: Office) -> None:
    made = office.waiting()
    office.workspace.approvals.approve(made.id, made.digest, *shown(office, made))

    def run(_: int) -> object:
        with suppress(MunimentError):
            return office.workspace.execution.run(made.id, OPERATOR)
        return None

    with ThreadPoolExecutor(16) as pool:
        assert sum(one is not None for one in pool.map(run, range(64))) == 1
    assert len(office.effects()) == 1 and office.entries("action.claimed") == 1
