"""The shipped policy decides as `policy.toml` says: every role times every action, whatever is added to either."""

from __future__ import annotations

import tomllib
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.roles import CONFLICTS, ROLES
from muniment.governance.policy.rules import Rules, Standing, shipped
from muniment.governance.policy.vocabulary import SINGLE, actions

MATRIX: dict[str, dict[str, list[str]]] = tomllib.loads((Path(__file__).parent / "policy.toml").read_text())
RULES = Rules(shipped())
ACTIONS = {name: one for name, one in actions().items() if one.kinds}
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "Model": {"allowed_groups": frozenset({"group:everyone"})},
    "Tool": {"allowed_groups": frozenset({"group:everyone"})},
    "Answer": {"owner": "user:bob"},
    "Approval": {"requester": "user:bob"},
    "Release": {"requester": "user:bob"},
    "Grant": {"subject": "user:bob"},
    "Emergency": {"requester": "user:bob", "subject": "user:bob"},
}
OWN = {
    "Answer": {"owner": "user:ann"},
    "Emergency": {"requester": "user:ann", "subject": "user:ann"},
}


def resource(kind: str, own: bool = False) -> Resource:
    name = kind.lower()
    attributes = (OWN if own else {}).get(kind) or ATTRIBUTES.get(kind, {})
    return SINGLE.get(name) or Resource(kind, "x", attributes)  # type: ignore[arg-type]


def ann(*roles: str, administrator: bool = False, groups: frozenset[str] = frozenset()) -> Standing:
    held = frozenset({"user:ann", "group:everyone"}) | groups
    return Standing(
        Principal("user", "ann"), held, RULES, {role: ("user:ann",) for role in roles}, administrator
    )


def may(standing: Standing) -> set[str]:
    """Every action that somebody may do to some resource, one's own answer and emergency included."""
    return {
        name
        for name, action in ACTIONS.items()
        for kind in action.kinds
        for own in (False, True)
        if standing.decide(name, resource(kind, own)).allowed
    }


def test_the_matrix_speaks_of_every_role() -> None:
    assert set(MATRIX) == {"anyone", "administrator", *ROLES}
    named = {action for row in MATRIX.values() for action in row["allow"]}
    assert named == set(ACTIONS)


@pytest.mark.parametrize("role", MATRIX)
def test_a_role_lets_do_exactly_what_the_matrix_says(role: str) -> None:
    row = MATRIX[role]
    expected = (set(MATRIX["anyone"]["allow"]) | set(row["allow"])) - set(row.get("deny", []))
    roles = [role] if role in ROLES else []
    assert may(ann(*roles, administrator=role == "administrator")) == expected


def test_roles_that_conflict_together_allow_no_more_than_the_duties_leave() -> None:
    for one, other in map(sorted, CONFLICTS):
        both = may(ann(one, other))
        if "auditor" in (one, other):
            changes = {name for name, action in ACTIONS.items() if "change" in action.families}
            assert not both & changes
        if "operator" in (one, other):
            other_role = one if other == "operator" else other
            only_theirs = set(MATRIX[other_role]["allow"]) - set(MATRIX["operator"]["allow"])
            read_alone = {name for name in only_theirs if name.startswith(("read_", "export_"))}
            assert both & only_theirs <= read_alone | {
                "change_prompt",
                "change_collection",
                "promote_release",
            }


def test_nobody_approves_or_grants_their_own() -> None:
    officer = ann("approver", "security-officer", groups=frozenset({"group:board"}), administrator=True)
    for subject in ("user:ann", "group:board", "group:everyone"):
        own: dict[str, Resource] = {
            "approve": Resource("Approval", "a", {"requester": subject}),
            "grant_role": Resource("Grant", "g", {"subject": subject}),
        }
        for action, target in own.items():
            assert officer.decide(action, target).effect == "deny"
        for requester, whom in ((subject, "user:bob"), ("user:bob", subject)):
            target = Resource("Emergency", "e", {"requester": requester, "subject": whom})
            assert officer.decide("approve_emergency", target).effect == "deny"
    assert officer.decide("approve", Resource("Approval", "a", {"requester": "user:bob"})).allowed


def test_a_program_decides_nothing_whatever_it_holds() -> None:
    bot = Standing(
        Principal("service", "bot"),
        frozenset({"service:bot", "group:everyone"}),
        RULES,
        {role: ("service:bot",) for role in ROLES if role not in ("operator", "auditor")},
        administrator=True,
    )
    decides = {
        "approve",
        "approve_emergency",
        "waive_release",
        "grant_role",
        "activate_policy",
        "manage_keys",
        "review_answers",
        "review_quarantine",
    }
    assert not may(bot) & decides


ROLE_SETS = st.frozensets(st.sampled_from(sorted(ROLES)), max_size=4)
GROUP_SETS = st.frozensets(st.sampled_from(["group:a", "group:b", "group:muniment:administrators"]))
ASKED = st.sampled_from(
    [(name, kind, own) for name, one in ACTIONS.items() for kind in one.kinds for own in (False, True)]
)


@settings(max_examples=150, deadline=None)
@given(ROLE_SETS, ROLE_SETS, GROUP_SETS, st.booleans(), ASKED)
def test_another_role_or_group_never_lifts_a_forbid(
    held: frozenset[str], more: frozenset[str], groups: frozenset[str], admin: bool, asked: Any
) -> None:
    name, kind, own = asked
    before = ann(*held).decide(name, resource(kind, own))
    after = ann(*held, *more, administrator=admin, groups=groups).decide(name, resource(kind, own))
    forbidden = not before.allowed and before.reasons[0] in FORBIDS
    assert not (forbidden and after.allowed)


TEXT: dict[str, str] = {}
for part in shipped().split("@id(")[1:]:
    TEXT[part.split('"')[1]] = "@id(" + part.split("\n//")[0]
FORBIDS = {name for name, text in TEXT.items() if "\nforbid" in text}


@settings(max_examples=60, deadline=None)
@given(ROLE_SETS, st.sampled_from(sorted(TEXT)), ASKED)
def test_a_rule_taken_away_widens_only_if_it_forbade(held: frozenset[str], gone: str, asked: Any) -> None:
    name, kind, own = asked
    left = Rules("\n".join(text for rule, text in TEXT.items() if rule != gone))
    whole = ann(*held)
    fewer = Standing(whole.principal, whole.groups, left, whole.roles)
    before, after = whole.decide(name, resource(kind, own)), fewer.decide(name, resource(kind, own))
    assert before.allowed or not after.allowed or gone in FORBIDS
    assert after.allowed or not before.allowed or gone not in FORBIDS


def test_a_slice_decides_as_the_whole_text_does() -> None:
    import cedarpy

    whole = cedarpy.PolicySet.from_str(shipped())
    from muniment.governance.policy import rules as module
    from muniment.governance.policy.slices import Slice

    everything = Slice(whole, None, frozenset({"a"}))
    for roles in [(), *combinations(sorted(ROLES), 1), ("reader", "operator"), ("auditor", "curator")]:
        standing = ann(*roles)
        for name, action in ACTIONS.items():
            for kind in action.kinds:
                allowed, reasons, _ = module._asked(everything, standing, name, resource(kind))
                decision = standing.decide(name, resource(kind))
                assert (decision.allowed, decision.reasons) == (allowed, reasons)
