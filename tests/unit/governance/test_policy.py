"""The decision point: what the shipped rules allow, and that everything else is a deny with a reason."""

from __future__ import annotations

from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import AUDIT, WORKSPACE, Decision, Resource
from muniment.governance.policy.rules import Rules, Standing, shipped, version_of
from muniment.governance.policy.slices import Remembered

ALICE = Principal("user", "alice")
BOT = Principal("service", "bot")
GROUPS = frozenset({"user:alice", "group:everyone", "group:staff"})
RULES = Rules(shipped())
READER = {"reader": ("group:everyone",)}


def standing(
    groups: frozenset[str] = GROUPS, roles: Any = READER, administrator: bool = False, who: Any = ALICE
) -> Standing:
    return Standing(who, groups, RULES, roles, administrator)


def allowed(action: str, resource: Resource = WORKSPACE, **held: Any) -> bool:
    decision = standing(**held).decide(action, resource)
    assert decision.policy == RULES.version
    assert decision.reasons
    return decision.allowed


def model(*groups: str) -> Resource:
    return Resource("Model", "quotes", {"allowed_groups": frozenset(groups)})


def test_the_shipped_policies_fit_their_schema() -> None:
    assert RULES.problems() == []


def test_a_version_is_the_digest_of_the_text() -> None:
    assert RULES.version == version_of(shipped()) == Rules(shipped()).version
    assert Rules(shipped() + "\n").version != RULES.version


def test_a_model_is_for_the_groups_that_it_names() -> None:
    assert allowed("use_model", model("group:everyone"))
    assert allowed("use_model", model("group:staff", "group:board"))
    for others in (["group:board"], [], ["staff"], ["group:Staff"]):
        assert not allowed("use_model", model(*others))


def test_lineage_is_for_its_owner_alone() -> None:
    assert allowed("read_lineage", Resource("Answer", "ans_1", {"owner": "user:alice"}))
    for owner in ("user:bob", "service:alice", "user:Alice", "", "group:everyone", "user:alice "):
        resource = Resource("Answer", "ans_1", {"owner": owner})
        assert not allowed("read_lineage", resource)
        assert not allowed("read_lineage", resource, administrator=True)


def test_the_log_and_administration_are_for_administrators() -> None:
    for action, resource in (("read_audit", AUDIT), ("administer", WORKSPACE)):
        assert allowed(action, resource, administrator=True)
        assert not allowed(action, resource)


def test_which_groups_administer_is_a_setting() -> None:
    assert Policy().administers(GROUPS | {"group:muniment-admins"})
    for close in ("group:Muniment-Admins", "muniment-admins", "user:muniment-admins", "group:administrators"):
        assert not Policy().administers(GROUPS | {close})
    custom = Policy(frozenset({"root"}))
    assert custom.administers(GROUPS | {"group:root"})
    assert not custom.administers(GROUPS | {"group:muniment-admins"})
    assert not Policy(frozenset()).administers(GROUPS | {"group:muniment-admins"})


def test_no_group_of_the_directory_is_the_administrators() -> None:
    spoofed = GROUPS | {"group:muniment:administrators"}
    assert not allowed("administer", groups=spoofed)


ODD: dict[str, tuple[Any, Any, Any]] = {
    "an unknown action": (ALICE, "delete_everything", WORKSPACE),
    "an empty action": (ALICE, "", WORKSPACE),
    "an action of another case": (ALICE, "Search", WORKSPACE),
    "an action that is code": (ALICE, 'search" || true || "', WORKSPACE),
    "an action that is no text": (ALICE, None, WORKSPACE),
    "a family of actions": (ALICE, "read", WORKSPACE),
    "an unknown resource": (ALICE, "search", Resource("Planet", "x")),  # type: ignore[arg-type]
    "a resource of another action": (ALICE, "search", model("group:everyone")),
    "a missing attribute": (ALICE, "use_model", Resource("Model", "m")),
    "an unknown attribute": (ALICE, "search", Resource("Workspace", "workspace", {"open": True})),
    "an attribute of another type": (
        ALICE,
        "use_model",
        Resource("Model", "m", {"allowed_groups": "group:everyone"}),
    ),
    "an attribute that JSON cannot say": (
        ALICE,
        "read_lineage",
        Resource("Answer", "a", {"owner": object()}),  # type: ignore[dict-item]
    ),
    "no resource": (ALICE, "search", None),
    "no principal": (None, "search", WORKSPACE),
    "a group as principal": (Principal("group", "staff"), "search", WORKSPACE),  # type: ignore[arg-type]
    "a lone surrogate": (Principal("user", "\ud800"), "administer", WORKSPACE),
    "an owner that escapes its quotes": (
        ALICE,
        "read_lineage",
        Resource("Answer", 'a", owner: "user:alice', {"owner": "user:bob"}),
    ),
}


@pytest.mark.parametrize("why", ODD)
def test_odd_input_is_denied_with_a_reason_and_never_raises(why: str) -> None:
    principal, action, resource = ODD[why]
    decision = standing(who=principal).decide(action, resource)
    assert decision.effect == "deny"
    assert decision.reasons


def decided(rules: str, groups: frozenset[str] = GROUPS) -> Decision:
    return Standing(ALICE, groups, Rules(rules), READER).decide("search", WORKSPACE)


PERMIT = "permit(principal, action, resource);"


def test_a_rule_that_forbids_wins() -> None:
    assert decided(PERMIT).allowed
    decision = decided(PERMIT + '@id("frozen") forbid(principal, action == Action::"search", resource);')
    assert (decision.effect, decision.reasons) == ("deny", ("frozen",))


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "permit(principal",
        PERMIT + "forbid(principal, action, resource) when { context.tainted };",
        PERMIT + "forbid(principal, action, resource) when { resource.secret > 1 };",
        PERMIT + "forbid(principal, action, resource) when { 9223372036854775807 + 1 == 0 };",
    ],
    ids=[
        "no rules",
        "rules that do not parse",
        "a context that is missing",
        "an attribute missing",
        "overflow",
    ],
)
def test_rules_that_fail_deny_even_where_another_permits(rules: str) -> None:
    decision = decided(rules)
    assert decision.effect == "deny"
    assert decision.reasons


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('context.groups.contains("group:staff")', True),
        ('context.groups.contains("group:board")', False),
        ('context.groups.containsAny(["group:board", "group:staff"])', True),
        ('["group:staff"].containsAny(context.groups)', True),
        ('context.groups.containsAll(["group:staff", "user:alice"])', True),
        ('["group:everyone"].containsAll(context.groups)', False),
        ('["group:staff", "group:everyone", "user:alice"].containsAll(context.groups)', True),
        ('context.groups == ["group:staff"]', False),
        ("context.groups.isEmpty()", False),
        ('(if principal in Role::"reader" then context else context).groups == ["group:staff"]', False),
        ('context == {"principal": "user:alice", "groups": ["group:staff"]}', False),
        ("context.groups.contains(context.principal)", True),
        ('principal in Group::"staff" && principal in Role::"reader"', True),
        ('principal in Group::"board" || principal in Role::"operator"', False),
    ],
)
def test_a_rule_sees_every_group_that_it_can_ask_for(condition: str, holds: bool) -> None:
    rules = '@id("it") permit(principal, action == Action::"search", resource) when { ' + condition + " };"
    assert decided(rules).allowed is holds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("permit(principal", "unexpected end"),
        (PERMIT, "no @id"),
        (f'@id("a") {PERMIT} @id("a") {PERMIT}', "Two rules have the id 'a'"),
        ('@id("a") permit(principal, action, resource == ?resource);', "Templates"),
        ('@id("a") permit(principal, action == Action::"fly", resource);', "fly"),
        ('@id("a") permit(principal, action, resource) when { context.tainted };', "tainted"),
        ("// " + "x" * (256 << 10), "longer than 256 KiB"),
    ],
)
def test_a_text_that_does_not_fit_says_why(text: str, says: str) -> None:
    assert any(says in problem for problem in Rules(text).problems())


ASKERS = st.builds(
    lambda who, groups, roles, administrator: standing(
        frozenset({who.ref, "group:everyone", *groups}),
        {role: ("group:everyone",) for role in roles},
        administrator,
        who,
    ),
    st.sampled_from([ALICE, BOT, Principal("service", "alice")]),
    st.sets(st.sampled_from(["group:staff", "group:board", "group:Staff"])),
    st.sets(st.sampled_from(["reader", "auditor", "operator", "approver", "curator"])),
    st.booleans(),
)
QUESTIONS = st.sampled_from(
    [
        ("search", WORKSPACE),
        ("read_audit", AUDIT),
        ("use_model", model("group:staff")),
        ("use_model", model("group:board", "group:staff")),
        ("approve", Resource("Approval", "a", {"requester": "user:alice"})),
        ("approve", Resource("Approval", "a", {"requester": "service:alice"})),
        ("read_lineage", Resource("Answer", "ans_1", {"owner": "user:alice"})),
        ("no such action", WORKSPACE),
    ]
)


@given(st.lists(st.tuples(ASKERS, QUESTIONS), min_size=2, max_size=12))
def test_what_is_remembered_is_what_would_be_decided(
    asked: list[tuple[Standing, tuple[str, Resource]]],
) -> None:
    anew = Rules(shipped())
    for who, (action, resource) in asked:
        anew.forget()
        assert who.decide(action, resource) == anew.decide(who, action, resource)


def test_a_decision_that_could_not_be_worked_out_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    rules, who = Rules(shipped()), standing()
    with monkeypatch.context() as patch:
        patch.setattr(cedarpy, "is_authorized", lambda *_: 1 / 0)
        refused = rules.decide(who, "search", WORKSPACE)
    assert not refused.allowed and refused.reasons == ("error: ZeroDivisionError",)
    assert rules.decide(who, "search", WORKSPACE).allowed


def test_no_more_answers_are_kept_than_were_asked_for_last() -> None:
    remembered, worked = Remembered(most=2), list[str]()

    def ask(question: str, failed: bool = False) -> None:
        remembered.answer(question, lambda: (worked.append(question) or True, (), failed))

    for question in ("a", "b", "a", "c", "a", "b"):
        ask(question)
    ask("failed", failed=True)
    ask("failed")
    assert worked == ["a", "b", "c", "b", "failed", "failed"]
