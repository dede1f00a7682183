"""Whom the permissions that Microsoft Graph prints let in, and whom they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.knowledge.sources.connector import EVERYONE_THERE, UNREADABLE, account, readers, team
from muniment.knowledge.sources.connectors.graph_permissions import read

TENANT = "0f9f1fe1-76a4-4d3b-9c7a-5f7f7a1f0d11"
GROUP = "aaaaaaaa-1111-2222-3333-bbbbbbbbbbbb"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
USER = {"user": {"id": "u1", "displayName": "A"}}
PERSON = {"id": "7", "loginName": "i:0#.f|membership|a@acme.example"}
Json = dict[str, object]


def stated(*permissions: Json) -> object:
    return read(permissions, TENANT, NOW).stated


def granted(identity: Json, **more: object) -> Json:
    return {"id": "p", "roles": ["read"], "grantedToV2": identity, **more}


def link(scope: str, **more: object) -> Json:
    return {
        "id": "p",
        "roles": ["read"],
        "link": {"scope": scope, "type": "view"},
        "grantedToIdentitiesV2": [USER],
        **more,
    }


def claim(login: str, **more: object) -> Json:
    return {"siteUser": {"id": "4", "loginName": login}, **more}


@pytest.mark.parametrize(
    ("identity", "entry"),
    [
        (USER, account("u1")),
        ({**USER, "siteUser": PERSON}, account("u1")),
        ({**USER, "application": {"id": "app"}}, account("u1")),
        ({"group": {"id": GROUP.upper()}}, team(GROUP)),
        ({"siteGroup": {"id": "5", "displayName": "Members"}}, team("site/5")),
        (claim(f"c:0o.c|federateddirectoryclaimprovider|{GROUP}", group={"id": GROUP}), team(GROUP)),
        (
            claim(f"c:0o.c|federateddirectoryclaimprovider|{GROUP}_o", group={"id": GROUP}),
            team(f"owners-of/{GROUP}"),
        ),
        (claim(f"c:0t.c|tenant|{GROUP}"), team(GROUP)),
        (
            claim(f"c:0-.f|rolemanager|spo-grid-all-users/{TENANT}", user={"displayName": "All"}),
            EVERYONE_THERE,
        ),
        (claim("c:0(.s|true"), EVERYONE_THERE),
    ],
)
def test_an_identity_is_one_account_or_group(identity: Json, entry: str) -> None:
    assert stated(granted(identity)) == readers([entry])


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"application": {"id": "app"}},
        {"device": {"id": "dev"}},
        {"user": {"displayName": "by name alone"}},
        {"user": {"id": "u1"}, "group": {"id": GROUP}},
        {**USER, "siteGroup": {"id": "5"}},
        {"siteUser": PERSON},
        claim("urn:spo:guest#gina@elsewhere.example", user={"id": "u1"}),
        claim("urn:spo:anon#", user={"id": "u1"}),
        claim(f"c:0-.f|rolemanager|spo-grid-all-users/{GROUP}"),
        claim(f"i:0#.f|membership|c:0-.f|rolemanager|spo-grid-all-users/{TENANT}"),
        claim(f"c:0o.c|federateddirectoryclaimprovider|{GROUP}_x", group={"id": GROUP}),
        claim(f"c:0t.c|tenant|{GROUP}", group={"id": TENANT}),
        claim("c:0something|new", group={"id": GROUP}),
    ],
)
def test_an_identity_that_means_nobody_for_certain_lets_nobody_in(identity: Json) -> None:
    assert stated(granted(identity)) == readers([])
    assert stated(granted(identity), granted(USER)) == readers([account("u1")])


@pytest.mark.parametrize(
    "permission",
    [
        link("anonymous"),
        link("organization"),
        link("existingAccess"),
        link("users", hasPassword=True),
        link("users", link={"scope": "users", "type": "view", "preventsDownload": True}),
        link("users", link={"scope": "users", "type": "blocksDownload"}),
        link("users", link={"scope": "users", "type": "createOnly"}),
        {"id": "p", "roles": ["read"], "grantedTo": USER},
        {"id": "p", "roles": ["read"], "invitation": {"email": "x@elsewhere.example"}},
        granted(USER, roles=[]),
        granted(USER, expirationDateTime="2026-02-28T23:59:59Z"),
    ],
)
def test_what_opens_nothing_by_itself_lets_nobody_in(permission: Json) -> None:
    assert stated(permission) == readers([])


@pytest.mark.parametrize(
    "permission",
    [
        link("new scope"),
        link("users", link={"type": "view"}),
        granted(USER, roles=["denied"]),
        granted(USER, roles="read"),
        granted(USER, conditions=[]),
        granted({**USER, "newKind": {"id": "1"}}),
        granted({"user": "u1"}),
        granted(USER, expirationDateTime="in spring"),
    ],
)
def test_what_is_not_understood_makes_all_of_it_nobodys(permission: Json) -> None:
    assert stated(granted(USER), permission) == UNREADABLE


def test_a_link_for_some_lets_those_in_that_it_names() -> None:
    assert stated(link("users")) == readers([account("u1")])


def test_annotations_and_inheritance_take_nothing_away() -> None:
    assert stated(granted(USER, inheritedFrom={"id": "x"}, **{"@odata.type": "x"})) == readers(
        [account("u1")]
    )


def test_the_first_end_of_a_grant_is_told() -> None:
    ends = [
        granted(USER, expirationDateTime="2026-03-03T00:00:00Z"),
        granted({"group": {"id": GROUP}}, expirationDateTime="2026-03-02T00:00:00Z"),
        granted(USER, expirationDateTime="0001-01-01T00:00:00Z"),
    ]
    found = read(ends, TENANT, NOW)
    assert found.until == datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    assert found.stated == readers([account("u1"), team(GROUP)])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["read", "users", "u1", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "scope", "user"]), inner)
    ),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["id", "roles", "link", "grantedToV2", "grantedToIdentitiesV2", "hasPassword", "other"]
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(FIELDS, VALUES), max_size=3))
def test_whatever_is_printed_lets_in_only_who_is_named(permissions: list[Json]) -> None:
    found = read(permissions, TENANT, NOW).stated
    entries = frozenset[str]().union(*found.clauses)
    assert all(
        entry == account("u1") or entry.removeprefix("account:") in str(permissions) for entry in entries
    )
