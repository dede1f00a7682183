"""What an approver is shown: all of the arguments, exactly, and nothing of a model beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.shop import NOTIFY, REFUND

from muniment.actions.action import Action
from muniment.actions.arguments import Amount
from muniment.actions.bound import Agent, Bound, Origin
from muniment.actions.decide import Recipient
from muniment.actions.labels import Integrity, Label
from muniment.actions.manifest import Manifest
from muniment.actions.manifest_file import read_manifest
from muniment.actions.risk import Classified
from muniment.actions.view import Earlier, Field, Known, View, fields_of, spelled_place, view_of
from muniment.actions.visible import read_back, spelled
from muniment.foundation.canonical import canonical
from muniment.foundation.errors import BadInput

UNSEEN = "\u202e\u2066\u200b\u00ad\ufeff\u034f\u2800\ufe0f\t\r\n \0[U+202E]↵\u0430\u0336"
TEXTS = st.text(st.one_of(st.sampled_from(UNSEEN), st.characters(exclude_categories=["Cs"])), max_size=12)
LEAVES = st.one_of(
    TEXTS,
    st.booleans(),
    st.none(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
NAMES = st.one_of(st.sampled_from(["a", "b", "a.b", "a[]", "0", "", "lines", "[0]", '"']), TEXTS)
ARGUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
        max_leaves=8,
    ),
    max_size=4,
)
REFUNDS, NOTICES = read_manifest(REFUND), read_manifest(NOTIFY)


def bound(arguments: Mapping[str, object], tool: str = "refund", **more: Any) -> Bound:
    values: dict[str, Any] = {
        "tenant": "default",
        "tool": tool,
        "manifest": "sha256:0",
        "arguments": arguments,
        "requester": "user:alice",
        "since": 1,
        "policy": "sha256:1",
        "risk": "sha256:2",
        "scope": "",
        "nonce": "n",
        "expires_at": "2026-01-06T09:00:00.000Z",
        "approvers": 1,
    }
    return Bound(**values | more)


def view(made: Bound, manifest: Manifest = REFUNDS, **more: Any) -> View:
    action = Action("act_1", "sha256:3", made, "one", "waiting", "2026-01-05T09:00:00.000Z", "", frozenset())
    known = Known(Classified("one", ("paying",)), False, None, (), (), {}, None, timedelta(minutes=5))
    return view_of(action, manifest, replace(known, **more))


def put_together(fields: tuple[Field, ...]) -> object:
    """Return the arguments that the fields show, from nothing but what stands in them."""
    whole: Any = None
    for one in sorted(fields, key=lambda field: [(isinstance(s, str), s) for s in field.path]):
        shown = read_back(spelled(one.value.pieces))
        value: Any = shown if one.value.kind == "text" else _read(one.value.kind, shown)
        if not one.path:
            return value
        whole = whole if whole is not None else ({} if isinstance(one.path[0], str) else [])
        inner = whole
        for step, following in zip(one.path, [*one.path[1:], None], strict=True):
            made: Any = value if following is None else ({} if isinstance(following, str) else [])
            if isinstance(step, int):
                if step == len(inner):
                    inner.append(made)
            elif step not in inner:
                inner[step] = made
            inner = inner[step]
    return whole


def _read(kind: str, shown: str) -> object:
    found = json.loads(shown)
    named = {"number": (int, float), "truth": bool, "nothing": type(None), "list": list, "object": dict}
    assert isinstance(found, named[kind])
    return found


def exactly(arguments: Mapping[str, object]) -> Any:
    return json.loads(canonical(arguments))


def usable(arguments: Mapping[str, object]) -> bool:
    try:
        canonical(exactly(arguments))
    except BadInput:
        return False
    return True


@given(ARGUMENTS.filter(usable))
def test_the_arguments_can_be_read_back_from_what_is_shown(arguments: dict[str, object]) -> None:
    given_ = exactly(arguments)
    assert canonical(put_together(fields_of(bound(given_), REFUNDS))) == canonical(given_)


@given(ARGUMENTS.filter(usable), ARGUMENTS.filter(usable))
def test_different_arguments_are_shown_differently(one: dict[str, object], other: dict[str, object]) -> None:
    def shown(arguments: dict[str, object]) -> list[tuple[str, str, str]]:
        fields = fields_of(bound(exactly(arguments)), REFUNDS)
        return [(spelled(f.place), f.value.kind, spelled(f.value.pieces)) for f in fields]

    same = canonical(one) == canonical(other)
    assert (shown(one) == shown(other)) == same


@given(
    st.lists(st.one_of(NAMES, st.integers(0, 9)), max_size=4),
    st.lists(st.one_of(NAMES, st.integers(0, 9)), max_size=4),
)
def test_two_places_never_have_one_name(one: list[str | int], other: list[str | int]) -> None:
    def name(path: list[str | int]) -> str:
        return spelled(spelled_place(tuple(path)))

    normal = [exactly({"x": path})["x"] for path in (one, other) if usable({"x": path})]
    if len(normal) == 2:
        assert (name(normal[0]) == name(normal[1])) == (normal[0] == normal[1])


def test_money_and_whom_it_reaches_come_first_and_words_last() -> None:
    made = view(bound({"order": "A-1", "amount": "20.00", "reason": "late"}))
    assert [one.role for one in made.fields] == ["amount", "reference", "content"]
    notice = view(
        bound({"text": "hello", "to": "bob"}, "notify"), NOTICES, recipients=(Recipient("bob", None),)
    )
    assert [(one.role, one.reaches) for one in notice.fields] == [("target", "outside"), ("content", "")]
    assert notice.outsiders == 1


def test_a_value_that_no_role_is_stated_for_comes_before_all() -> None:
    assert view(bound({"amount": "1.00", "extra": 1})).fields[0].role == "other"


def test_each_value_says_whose_word_it_is_and_what_is_not_stated_is_the_contexts() -> None:
    made = bound(
        {"order": "A-1", "amount": "20.00", "reason": "x"},
        context=Label(Integrity.UNTRUSTED),
        origins={"order": Origin("user"), "amount": Origin("untrusted", "doc_1"), "reason": Origin("odd")},
    )
    shown = {spelled(one.place): one.provenance for one in view(made, sources={"doc_1": None}).fields}
    assert (shown["order"].integrity, shown["order"].stated) == ("user", True)
    assert shown["amount"].source is None and shown["amount"].integrity == "untrusted"
    assert shown["reason"].integrity == "untrusted"
    plain = view(bound({"order": "A-1"}, context=Label(Integrity.UNTRUSTED))).fields[0].provenance
    assert (plain.integrity, plain.stated) == ("untrusted", False)


def test_what_holds_a_value_says_whose_word_it_is_unless_something_nearer_does() -> None:
    made = bound(
        {"lines": [{"id": "1"}, {"id": "2"}]},
        origins={"lines": Origin("system", "orders"), "lines[1].id": Origin("untrusted", "mail")},
    )
    assert [one.provenance.integrity for one in view(made).fields] == ["system", "untrusted"]


def test_words_of_a_model_are_marked_as_a_machines() -> None:
    written = bound({"order": "A-1", "reason": "x"}, agent=Agent("local:qwen", "agent@1", "run_1"))
    assert [one.by_machine for one in view(written).fields] == [False, True]
    assert not any(one.by_machine for one in view(bound({"order": "A-1", "reason": "x"})).fields)


def test_what_differs_from_the_last_similar_action_stands_side_by_side() -> None:
    before = Earlier("act_0", "2026-01-01", {"order": "A-1", "amount": "10.00", "note": "x"})
    made = view(bound({"order": "A-1", "amount": "20.00", "reason": "y"}), earlier=before)
    assert {
        spelled(one.place): tuple(None if v is None else spelled(v.pieces) for v in (one.before, one.after))
        for one in made.differences
    } == {"amount": ("10.00", "20.00"), "note": ("x", None), "reason": (None, "y")}


def test_numbers_and_money_are_exact() -> None:
    made = view(bound({"order": 9007199254740991}), amount=Amount(Decimal("1E+3"), "EUR"))
    assert spelled(made.fields[0].value.pieces) == "9007199254740991"
    assert made.amount is not None and f"{made.amount.value:f}" == "1000"


def test_a_long_value_is_whole() -> None:
    text = "x" * 9_000
    [shown] = view(bound({"reason": text})).fields
    assert shown.value.long and spelled(shown.value.pieces) == text
