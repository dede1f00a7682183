"""AP1: an effect runs alone only where nothing untrusted was read, or as it was pinned before."""

from __future__ import annotations

import pytest
from tests.simulators.office import ALICE, CAROL, TAINTED, Office

from muniment.actions.context import Context
from muniment.actions.labels import Label
from muniment.actions.plan import pinned
from muniment.actions.proposals import Call
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import Actor


def test_a_call_that_text_of_others_could_have_shaped_waits(office: Office) -> None:
    call = Call("notify", {"to": "bob", "text": "hello"})
    alone = office.workspace.actions.propose(ALICE, Actor("user:alice", "http"), call)
    assert alone.action is not None and alone.action.state == "done"
    after = office.workspace.actions.propose(ALICE, Actor("user:alice", "http"), call, TAINTED)
    assert after.action is not None and after.action.state == "waiting"


def test_a_pinned_call_runs_after_text_of_others_but_not_with_other_words(office: Office) -> None:
    plan = pinned(
        [{"step": "s1", "tool": "notify", "arguments": {"to": "bob", "text": "hello"}}], Label(), ["notify"]
    )
    run = Context().planned(plan).saw(TAINTED.label)
    by = Actor("user:alice", "http")
    other = Call("notify", {"to": "bob", "text": "hello!"}, step="s1")
    assert office.workspace.actions.propose(ALICE, by, other, run, dry=True).verdict.outcome == "approval"
    done = office.workspace.actions.propose(ALICE, by, Call("notify", step="s1"), run)
    assert done.action is not None and done.action.state == "done"
    with pytest.raises(BadInput):
        office.workspace.actions.propose(ALICE, by, Call("notify", step="s1"), run.did("s1", None))
    assert len(office.effects()) == 1


def test_whoever_may_not_use_the_tool_is_denied_on_record(office: Office) -> None:
    outcome = office.propose(who=CAROL)
    assert outcome.action is None and outcome.verdict.outcome == "denied"
    assert office.entries("action.denied") == 1


def test_what_no_machine_should_pay_is_never_proposed(office: Office) -> None:
    assert office.propose(amount="90000.00").action is None
