"""What a run has seen is only ever added to; its plan is made once, before text of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.actions.tools import READ, tool

from muniment.actions.context import Context
from muniment.actions.labels import NOBODYS, USERS, Audience, Integrity, Label, own
from muniment.actions.plan import Plan, pinned
from muniment.actions.reading import Reading, reading
from muniment.actions.selectors import Unresolved
from muniment.foundation.errors import BadInput, Denied

UNTRUSTED = Label(Integrity.UNTRUSTED)
AUDIENCES = st.sampled_from([own("user:ann"), own("user:bob"), Audience(frozenset({"group:everyone"}))])
LABELS = st.builds(Label, st.sampled_from(Integrity), st.frozensets(AUDIENCES, max_size=2))


def made(known: Label = USERS) -> Plan:
    calls = [
        {"step": "s1", "tool": "orders"},
        {"step": "s2", "tool": "pay", "arguments": {"to": {"$from": "s1", "path": ["id"]}}},
        {"step": "s3", "tool": "pay", "arguments": {"to": "x"}, "instead_of": "s2"},
    ]
    return pinned(calls, known, {"orders", "pay"})


def result(value: object) -> Reading:
    return reading(tool(READ, labels={"id": {"integrity": "system"}}), "user:ann", value, USERS)


@given(st.lists(LABELS, max_size=6))
def test_what_was_seen_is_never_unseen(seen: list[Label]) -> None:
    run = Context()
    for label in seen:
        after = run.saw(label)
        assert after.label.integrity == min(run.label.integrity, label.integrity)
        assert after.label.audiences == run.label.audiences | label.audiences
        run = after


@given(LABELS)
def test_a_plan_is_taken_only_before_text_of_others_is_read(seen: Label) -> None:
    run = Context().saw(seen)
    if seen.trusted:
        assert run.planned(made()).plan == made()
        return
    with pytest.raises(Denied):
        run.planned(made())


def test_a_plan_cannot_be_replaced() -> None:
    run = Context().planned(made())
    with pytest.raises(Denied):
        run.planned(made())
    with pytest.raises(Denied):
        run.did("s1", result({"id": "x"})).planned(made())


def test_a_plan_is_still_there_after_text_of_others_was_read() -> None:
    run = Context().planned(made()).saw(NOBODYS)
    assert run.plan == made()
    assert not run.label.trusted


def test_a_result_is_for_later_calls_and_the_model_has_not_seen_it() -> None:
    run = Context().planned(made())
    with pytest.raises(Unresolved):
        run.pinned_arguments("s2")
    after = run.did("s1", result({"id": "A1"}))
    assert after.label == run.label
    assert after.pinned_arguments("s2").value == {"to": "A1"}
    assert after.pinned_arguments("s2").label.trusted


def test_a_call_is_used_once_and_so_is_each_alternative() -> None:
    run = Context().planned(made()).did("s1", result({"id": "A1"})).did("s3", None)
    for step in ("s1", "s2", "s3"):
        with pytest.raises(Denied, match="was used"):
            run.did(step, result({"id": "forged"}))
    assert run.readings["s1"].value == {"id": "A1"}


def test_what_is_not_planned_leaves_no_result() -> None:
    with pytest.raises(BadInput):
        Context().planned(made()).did("s9", result({"id": "forged"}))
    with pytest.raises(BadInput):
        Context().did("s1", result({"id": "forged"}))
    with pytest.raises(BadInput):
        Context().pinned_arguments("s1")


def test_a_state_of_a_run_is_not_changed_by_what_follows() -> None:
    before = Context().planned(made())
    before.did("s1", result({"id": "A1"})).saw(UNTRUSTED)
    assert before.used == frozenset() and not before.readings and before.label == USERS
