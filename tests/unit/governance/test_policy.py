"""The decision point: what the shipped rules allow, and that everything else is a deny with a reason."""

from __future__ import annotations

from typing import Any

import cedarpy
import pytest

from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import WORKSPACE, Resource

ALICE = Principal("user", "alice")
BOT = Principal("service", "bot")
GROUPS = frozenset({"user:alice", "group:everyone", "group:staff"})
ADMIN = GROUPS | {"group:muniment-admins"}
POLICY = Policy()


def allowed(action: str, resource: Resource = WORKSPACE, groups: frozenset[str] = GROUPS) -> bool:
    decision = POLICY.decide(ALICE, groups, action, resource)
    assert decision.policy == POLICY.version
    assert decision.reasons
    return decision.allowed


def model(*groups: str) -> Resource:
    return Resource("Model", "quotes", {"allowed_groups": frozenset(groups)})


def test_the_shipped_policies_fit_their_schema() -> None:
    result = cedarpy.validate_policies(POLICY.policies, POLICY.schema)
    assert result.validation_passed, [str(error) for error in result.errors]


def test_every_active_user_and_service_may_search_and_ask() -> None:
    for action in ("search", "ask"):
        assert allowed(action)
        assert POLICY.decide(BOT, frozenset({"service:bot", "group:everyone"}), action, WORKSPACE).allowed


def test_a_caller_without_grants_may_do_nothing() -> None:
    for action in ("search", "ask", "read_audit", "administer"):
        assert not allowed(action, groups=frozenset())


def test_a_model_is_for_the_groups_that_it_names() -> None:
    assert allowed("use_model", model("group:everyone"))
    assert allowed("use_model", model("group:staff", "group:board"))
    assert not allowed("use_model", model("group:board"))
    assert not allowed("use_model", model())
    assert not allowed("use_model", model("staff"))
    assert not allowed("use_model", model("group:Staff"))


def test_lineage_is_for_its_owner_alone() -> None:
    assert allowed("read_lineage", Resource("Answer", "ans_1", {"owner": "user:alice"}))
    for owner in ("user:bob", "service:alice", "user:Alice", "", "group:everyone", "user:alice "):
        resource = Resource("Answer", "ans_1", {"owner": owner})
        assert not allowed("read_lineage", resource)
        assert not allowed("read_lineage", resource, ADMIN)


def test_the_log_and_administration_are_for_administrators() -> None:
    for action in ("read_audit", "administer"):
        assert allowed(action, groups=ADMIN)
        assert not allowed(action)
        for close in (
            "group:Muniment-Admins",
            "muniment-admins",
            "user:muniment-admins",
            "group:administrators",
        ):
            assert not allowed(action, groups=GROUPS | {close})


def test_which_groups_administer_is_a_setting_that_shows_in_the_version() -> None:
    custom = Policy(frozenset({"root"}))
    assert custom.decide(ALICE, GROUPS | {"group:root"}, "administer", WORKSPACE).allowed
    assert not custom.decide(ALICE, ADMIN, "administer", WORKSPACE).allowed
    assert not Policy(frozenset()).decide(ALICE, ADMIN, "administer", WORKSPACE).allowed
    assert custom.version != POLICY.version == Policy().version


ODD: dict[str, tuple[Any, Any, Any]] = {
    "an unknown action": (ALICE, "delete_everything", WORKSPACE),
    "an empty action": (ALICE, "", WORKSPACE),
    "an action of another case": (ALICE, "Search", WORKSPACE),
    "an action that is code": (ALICE, 'search" || true || "', WORKSPACE),
    "an action that is no text": (ALICE, None, WORKSPACE),
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
    decision = POLICY.decide(principal, GROUPS, action, resource)
    assert decision.effect == "deny"
    assert decision.reasons


def with_rules(rules: str) -> Policy:
    policy = Policy()
    policy.policies = rules
    return policy


PERMIT = "permit(principal, action, resource);"


def test_a_rule_that_forbids_wins() -> None:
    assert with_rules(PERMIT).decide(ALICE, GROUPS, "search", WORKSPACE).allowed
    both = PERMIT + '@id("frozen") forbid(principal, action == Action::"search", resource);'
    decision = with_rules(both).decide(ALICE, GROUPS, "search", WORKSPACE)
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
    decision = with_rules(rules).decide(ALICE, GROUPS, "search", WORKSPACE)
    assert decision.effect == "deny"
    assert decision.reasons
