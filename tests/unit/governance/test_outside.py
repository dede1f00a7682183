"""What accounts hold at outside sources counts while the source's lease runs, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity import outside
from muniment.governance.identity.directory import grants
from muniment.governance.identity.everybody import Everybody
from muniment.governance.identity.outside import SKEW_SECONDS, Lease, spelled
from muniment.governance.identity.principal import Principal

ALICE, BOB = Principal("user", "alice"), Principal("user", "bob")


@given(st.floats(0, 1e6), st.floats(1, 1e5), st.floats(-1e6, 1e6))
def test_a_lease_runs_from_its_beginning_until_its_end_and_no_longer(
    as_of: float, span: float, later: float
) -> None:
    now = as_of + later
    assert Lease(as_of, as_of + span).runs(now) == (as_of <= now + SKEW_SECONDS and now < as_of + span)


def held(workspace: Workspace, who: Principal) -> set[str]:
    with workspace.database.read() as connection:
        found = {one for one in grants(connection, who) if one.startswith("outside:")}
        everybody = Everybody(connection).accounts[who.ref].grants
    assert found == {one for one in everybody if one.startswith("outside:")}
    return found


@BOTH
def test_entries_are_held_while_the_lease_runs(make_workspace: Callable[..., Workspace]) -> None:
    clock = FixedClock()
    workspace = make_workspace(clock=clock)
    now = clock.now().timestamp()
    with workspace.database.write() as connection:
        outside.put_entries(
            connection, "wiki", {"user:alice": ["account:1", "team:a"], "user:bob": ["team:a"]}
        )
    assert held(workspace, ALICE) == set()
    with workspace.database.write() as connection:
        outside.renew(connection, "wiki", Lease(now, now + 900))
    assert held(workspace, ALICE) == {spelled("wiki", "account:1"), spelled("wiki", "team:a")}
    clock.advance(seconds=899)
    assert held(workspace, BOB) == {spelled("wiki", "team:a")}
    clock.advance(seconds=1)
    assert held(workspace, ALICE) == held(workspace, BOB) == set()


def test_a_lease_from_the_future_is_none(make_workspace: Callable[..., Workspace]) -> None:
    clock = FixedClock()
    workspace = make_workspace(clock=clock)
    now = clock.now().timestamp()
    with workspace.database.write() as connection:
        outside.put_entries(connection, "wiki", {"user:alice": ["team:a"]})
        outside.renew(connection, "wiki", Lease(now + 2 * SKEW_SECONDS, now + 9000))
    assert held(workspace, ALICE) == set()


@pytest.mark.parametrize(
    ("clauses", "reads"),
    [
        ([["group:engineering"]], True),
        ([["group:sales"]], False),
        ([["group:engineering"], ["team:a"]], True),
        ([["group:engineering"], ["team:b"]], False),
        ([], False),
        ([[]], False),
    ],
)
def test_an_entry_of_ours_is_held_by_whoever_meets_each_clause_now(
    make_workspace: Callable[..., Workspace], clauses: list[list[str]], reads: bool
) -> None:
    clock = FixedClock()
    workspace = make_workspace(clock=clock)
    now = clock.now().timestamp()
    with workspace.database.write() as connection:
        outside.put_entries(connection, "wiki", {"user:alice": ["team:a"]})
        outside.put_ours(connection, "wiki", {"joint": clauses})
        outside.renew(connection, "wiki", Lease(now, now + 900))
    assert (spelled("wiki", "joint") in held(workspace, ALICE)) == reads


def test_what_is_forgotten_is_held_by_nobody(make_workspace: Callable[..., Workspace]) -> None:
    clock = FixedClock()
    workspace = make_workspace(clock=clock)
    now = clock.now().timestamp()
    with workspace.database.write() as connection:
        outside.put_entries(connection, "wiki", {"user:alice": ["team:a"]})
        outside.renew(connection, "wiki", Lease(now, now + 900))
    with workspace.database.write() as connection:
        outside.forget(connection, "wiki")
        outside.renew(connection, "wiki", Lease(now, now + 900))
    assert held(workspace, ALICE) == set()
