"""Runs of workflows of somebody who is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from muniment.app import Workspace
from muniment.foundation.errors import Conflict
from muniment.foundation.workflows.forgetting import forget_ended_runs
from muniment.governance.identity.principal import OPERATOR

pytest.importorskip("dbos")
pytestmark = pytest.mark.parametrize(
    "kept_in", ["file", pytest.param("postgres", marks=pytest.mark.prove)], indirect=True
)


def holding(workspace: Workspace, word: str) -> set[str]:
    """Return the library's tables that hold a word."""
    schema, found = workspace.database.beside, set[str]()
    with workspace.database.read() as connection:
        for name in sa.inspect(connection).get_table_names(schema=schema):
            if name.startswith("workflow_") or name in ("operation_outputs", "notifications", "streams"):
                rows = connection.execute(sa.select(sa.text("*")).select_from(sa.table(name, schema=schema)))
                found |= {name for row in rows if word in str(tuple(row))}
    return found


def test_a_run_has_to_end_and_goes_with_all_that_it_held(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace()
    runs = workspace.workflow_runs
    made = [
        runs.start("purchase-request", {"item": f"lamp of {who}"}, workspace.principal(who), OPERATOR).id
        for who in ("alice", "bob")
    ]
    with pytest.raises(Conflict, match=made[0]):
        workspace.erasure.erase("alice", "Request 17", None, OPERATOR)
    runs.cancel(made[0], None, OPERATOR)
    assert holding(workspace, "lamp of alice")
    done = workspace.erasure.erase("alice", "Request 17", None, OPERATOR)
    assert done.rows["workflow runs removed"] == 1
    assert (
        not holding(workspace, "lamp of alice")
        | holding(workspace, "user:alice")
        | holding(workspace, made[0])
    )
    assert holding(workspace, "lamp of bob")
    runs.cancel(made[1], None, OPERATOR)
    before, schema = workspace.clock.now() + timedelta(days=1), workspace.database.beside
    with workspace.database.write() as connection:
        milliseconds = int(before.timestamp() * 1000)
        assert forget_ended_runs(connection, schema, milliseconds, ['"requester":"user:bob"']) == 0
        assert forget_ended_runs(connection, schema, milliseconds, []) == 1
    assert not holding(workspace, "lamp of bob")
