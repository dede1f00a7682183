"""A plan is made before text of others is read, never changes, and each of its calls is used once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.actions.labels import NOBODYS, USERS, Integrity, Label, own
from muniment.actions.plan import MOST_CALLS, Plan, pinned
from muniment.foundation.errors import BadInput, Denied, MunimentError

TOOLS = frozenset({"orders", "mail_send", "pay"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def call(step: str, tool: str = "orders", instead_of: str = "", **arguments: Any) -> dict[str, Any]:
    return {"step": step, "tool": tool, "arguments": arguments, "instead_of": instead_of}


def plan(*calls: Mapping[str, Any], known: Label = USERS) -> Plan:
    return pinned(list(calls), known, TOOLS)


@pytest.mark.parametrize("known", [Label(Integrity.UNTRUSTED), NOBODYS])
def test_nothing_is_planned_once_text_of_others_was_read(known: Label) -> None:
    with pytest.raises(Denied, match="text of others"):
        plan(call("s1"), known=known)


@pytest.mark.parametrize("integrity", [Integrity.USER, Integrity.SYSTEM])
def test_what_was_known_when_it_was_written_is_in_every_argument(integrity: Integrity) -> None:
    known = Label(integrity, frozenset({own("user:ann")}))
    found = plan(call("s1", customer="c"), known=known).arguments("s1", {})
    assert found.value == {"customer": "c"}
    assert found.label == known


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([], "1 to 50 calls"),
        ([call(f"s{n}") for n in range(MOST_CALLS + 1)], "1 to 50 calls"),
        ([call("s1", "drop_tables")], "drop_tables"),
        ([call("s1"), call("s1")], "Two calls"),
        ([call("s1", x={"$from": "s1"})], "no earlier call"),
        ([call("s1", x={"$from": "s2"}), call("s2")], "no earlier call"),
        ([call("s1", x=[{"y": {"$sum": [{"$from": "s9"}]}}])], "no earlier call"),
        ([call("s1", x={"$odd": 1})], "no expression"),
        ([call("s1", instead_of="s1")], "instead of"),
        ([call("s1", instead_of="s2"), call("s2")], "instead of"),
        ([call("s1"), call("s2", instead_of="s1"), call("s3", instead_of="s2")], "instead of"),
        ([call("S1")], "step is no name"),
        ([call("")], "step is no name"),
        ([call("s" * 33)], "step is no name"),
        ([{"step": "s1", "tool": "orders", "extra": 1}], "extra is unknown"),
        ([{"step": "s1"}], "malformed"),
        ([{"tool": "orders"}], "step is no name"),
        ([{"step": "s1", "tool": "orders", "arguments": []}], "malformed"),
        ([{"step": "s1", "tool": "orders", "instead_of": None}], "malformed"),
        (["s1"], "malformed"),
        ([5], "malformed"),
        ([None], "malformed"),
        ([call("s1", x=float("nan"))], "canonical JSON"),
        ([call("s1", x=2**53)], "canonical JSON"),
        ([call("s1", x="\ud800")], "canonical JSON"),
    ],
    ids=range(25),
)
def test_a_plan_that_is_malformed_is_refused(calls: list[Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        plan(*calls)
    assert said in caught.value.public


@given(st.lists(JSON | st.builds(call, st.sampled_from(["s1", "s2"]), x=JSON), max_size=3))
def test_whatever_a_model_plans_is_a_plan_or_refused(calls: list[Any]) -> None:
    try:
        made = plan(*calls)
    except BadInput:
        return
    assert [one.step for one in made.calls] == [one["step"] for one in calls]
    assert made.digest.startswith("sha256:")


def test_whoever_wrote_a_plan_cannot_change_it_afterwards() -> None:
    stated = call("s1", "mail_send", to=["ann@acme.example"], deep={"x": [1]})
    made = plan(stated)
    before = copy.deepcopy(made), made.digest
    stated["arguments"]["to"].append("eve@evil.example")
    stated["arguments"]["deep"]["x"] = 2
    assert (made, made.digest) == before


@given(st.data())
def test_any_change_is_another_digest(data: st.DataObject) -> None:
    calls = [call("s1", to="a"), call("s2", "pay", to="b"), call("s3", "pay", "s2", to={"$from": "s1"})]
    changed = copy.deepcopy(calls)
    one = data.draw(st.sampled_from(changed))
    name = data.draw(st.sampled_from(sorted(one)))
    one[name] = data.draw(st.sampled_from(["s1", "s2", "s9", "pay", {"to": "c"}, {"to": "e\u0301"}, ""]))
    try:
        made = plan(*changed)
    except BadInput:
        return
    assert (made.digest == plan(*calls).digest) == (changed == calls)


def test_texts_that_only_look_the_same_are_different_plans() -> None:
    assert plan(call("s1", x="\u00e9")).digest != plan(call("s1", x="e\u0301")).digest


@given(st.lists(st.sampled_from(["s1", "s2", "s3", "s4", "s5"]), max_size=8))
def test_of_calls_that_are_alternatives_only_one_is_used(order: list[str]) -> None:
    made = plan(call("s1"), call("s2"), call("s3", instead_of="s2"), call("s4", instead_of="s2"), call("s5"))
    used: list[str] = []
    for step in order:
        if made.usable(step, used):
            used.append(step)
    assert len(used) == len(set(used))
    assert len({"s2", "s3", "s4"}.intersection(used)) <= 1
    assert {"s2" if one in ("s3", "s4") else one for one in order} == {
        "s2" if one in ("s3", "s4") else one for one in used
    }


def test_a_call_that_is_not_there_is_refused() -> None:
    made = plan(call("s1"))
    for ask in (made.call, lambda step: made.arguments(step, {})):
        with pytest.raises(MunimentError, match="no call 's2'"):
            ask("s2")


def test_expressions_inside_nested_values_are_resolved_from_this_plans_readings_only() -> None:
    made = plan(call("s1"), call("s2", to=[{"who": {"$from": "s1", "path": ["x"]}}]))
    with pytest.raises(MunimentError, match="s1 has not been read"):
        made.arguments("s2", {})
