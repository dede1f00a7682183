"""AZ1, LK13: lists of one's own runs and actions tell nothing of another's, and are no other because of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.postgres import BOTH
from tests.simulators.desk_of_leads import Desk
from tests.simulators.web_client import Browser, observable

from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.assistant.workflows import runs as workflow_runs
from muniment.foundation.clock import FixedClock
from muniment.foundation.workflows.engine import run_id
from muniment.foundation.workflows.runs import Run, State
from muniment.governance.identity.principal import OPERATOR, Actor

FLOW = "purchase-request"


def start(workspace: Workspace, name: str, key: str, **given: object) -> str:
    who = workspace.principal(name)
    return workspace.workflow_runs.start(FLOW, given, who, Actor(who.ref, "http"), key=key).id


def listed(workspace: Workspace, name: str, after: str = "", most: int = 31) -> list[str]:
    found = workspace.workflow_runs.listing(workspace.principal(name), most=most, after=after, own=True)
    return [one.id for one in found]


@BOTH
def test_runs_that_hold_anothers_name_push_none_of_that_persons_out_of_the_list(workspace: Workspace) -> None:
    mine = start(workspace, "alice", "mine")
    for n in range(3):
        spoofed = {"requester": "user:alice", "since": "x", "own_words": True}
        start(workspace, "bob", f"{n}", item=spoofed, zz=[spoofed], text='"requester":"user:alice"')
    assert listed(workspace, "alice", most=2) == [mine]


@BOTH
def test_behind_anothers_run_stands_as_little_as_behind_one_that_never_was(workspace: Workspace) -> None:
    first, last = start(workspace, "alice", "1"), start(workspace, "alice", "2")
    # Whoever guesses the key that another chose knows the id.
    theirs = run_id(FLOW, "user:bob:march")
    assert start(workspace, "bob", "march") == theirs
    never = run_id(FLOW, "user:bob:april")
    newest, oldest = listed(workspace, "alice")
    assert {newest, oldest} == {first, last} and listed(workspace, "alice", after=newest) == [oldest]
    assert listed(workspace, "alice", after=theirs) == listed(workspace, "alice", after=never) == []


def test_the_page_of_runs_tells_no_run_of_anothers_from_one_that_never_was(workspace: Workspace) -> None:
    start(workspace, "alice", "1")
    start(workspace, "bob", "march")
    alice = Browser(workspace).sign_in("alice")
    seen: set[bytes] = set()
    for key in ("march", "april"):
        answer = observable(alice.http.get(f"/workflows?after={run_id(FLOW, f'user:bob:{key}')}"))
        assert answer[0] == 200
        seen.add(answer[1])
    assert len(seen) == 1


def test_whoever_runs_the_installation_is_not_told_what_a_step_failed_with() -> None:
    when = FixedClock().now()
    failed = Run("run_a", FLOW, 1, State.FAILED, when, why="There is no supplier 'Secret Ltd'.")
    assert workflow_runs._standing(failed).why == ""
    held = replace(failed, state=State.HELD, why="This is a copy.")
    assert workflow_runs._standing(held).why == "This is a copy."


@pytest.fixture
def desk(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Desk:
    return Desk(make_workspace, clock)


def test_behind_anothers_action_stands_as_little_as_behind_one_that_never_was(desk: Desk) -> None:
    actions, bob = desk.workspace.actions, desk.workspace.principal("bob")
    desk.workspace.roles.grant("tool-user", "bob", "he helps too", OPERATOR)
    mine: list[str] = []
    for amount in ("7.00", "8.00"):
        call = Call("refund", {"order": "A-1", "amount": amount})
        made = actions.propose(bob, Actor(bob.ref, "http"), call).action
        assert made is not None
        mine.append(made.id)
        desk.clock.advance(minutes=1)
    theirs = desk.waiting()
    assert [one.id for one in actions.mine(bob, after=mine[1])] == [mine[0]]
    assert list(actions.mine(bob, after=theirs.id)) == list(actions.mine(bob, after="act_none")) == []
    page = desk.browser("bob").http
    assert page.get(f"/actions?after={theirs.id}").text == page.get("/actions?after=act_none").text
