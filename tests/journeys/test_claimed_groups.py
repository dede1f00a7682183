"""Groups that the provider's token states count wherever groups count, and no longer than that token or session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import BOTH
from tests.simulators.issuer import SECRET, Issuer
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.provisioner import Provisioner
from tests.simulators.web_client import client, document_id

from muniment import app, settings
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR, Principal

DIRECTORY = """
[users.alice]
groups = ["platform"]
[users.carol]
[groups.platform]
members_of = ["engineering"]
[groups.engineering]
[groups.sales]
[groups.deals]
members_of = ["sales"]
[groups.one]
[services.helpdesk]
"""
GROUPS = {"9c1f-sales": "deals", "9c1f-admins": "muniment-admins", "Contractors": "contractors"}
Make = Callable[..., Workspace]


@pytest.fixture
def make(home_of: Callable[[str], Path], issuer: Issuer, clock: FixedClock, tmp_path: Path) -> Iterator[Make]:
    """Return a function that makes a workspace, in a file or in Postgres, whose provider states groups."""
    made: list[Workspace] = []

    def make(groups: dict[str, str] = GROUPS) -> Workspace:
        home = home_of("home")
        home.mkdir(exist_ok=True)
        (home / "client-secret").write_text(SECRET)
        corp = issuer.settings(group_claim="groups", groups=groups, group_scope="groups")
        stated: dict[str, Any] = {"identity": {"mode": "oidc", "issuers": {"corp": corp}}}
        if (home / "database-url").exists():
            stated["database"] = {"url": "file:database-url"}
        made.append(app.create(home, settings=settings.parse(stated), clock=clock, embedder=lambda: None))
        (tmp_path / "directory.toml").write_text(DIRECTORY)
        made[-1].directory.import_file(tmp_path / "directory.toml", OPERATOR)
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


@pytest.fixture
def office(make: Make, folder: Path) -> Workspace:
    made = make()
    made.ingest(folder, "docs")
    return made


def found(workspace: Workspace, token: str, query: str = "price") -> Any:
    headers = {"authorization": f"Bearer {token}"}
    reply = client(workspace).post("/v1/search", json={"query": query}, headers=headers)
    return [one["title"] for one in reply.json()["passages"]] if reply.status_code == 200 else reply.json()


@BOTH
def test_a_claimed_group_opens_what_its_lists_open_through_nesting(office: Workspace, issuer: Issuer) -> None:
    carol = issuer.token(sub="carol", groups=["9c1f-sales", "unmapped"])
    assert found(office, carol) == ["Prices"]
    read = client(office).get(
        f"/v1/documents/{document_id(office, 'sales/prices.csv')}",
        headers={"authorization": f"Bearer {carol}"},
    )
    assert read.status_code == 200


@BOTH
def test_another_token_of_the_same_person_without_the_claim_has_nothing_of_it(
    office: Workspace, issuer: Issuer
) -> None:
    for _ in range(2):
        assert found(office, issuer.token(sub="carol", groups=["9c1f-sales"])) == ["Prices"]
        assert found(office, issuer.token(sub="carol")) == []
        assert found(office, issuer.token(sub="carol", groups=[])) == []


@pytest.mark.parametrize(
    "value", ["9C1F-sales", "9c1f-sales ", "deals", "sales", "9c1f\u2010sales", "everyone"]
)
def test_values_compare_byte_for_byte_and_names_of_groups_are_no_values(
    office: Workspace, issuer: Issuer, value: str
) -> None:
    assert found(office, issuer.token(sub="carol", groups=[value])) == []


@BOTH
def test_a_deny_entry_binds_through_a_claimed_group(office: Workspace, issuer: Issuer) -> None:
    assert found(office, issuer.token(groups=[]), "engineer") == ["On call"]
    office.access.set("docs/engineering", ["group:engineering"], ["group:contractors"], OPERATOR)
    assert found(office, issuer.token(groups=[]), "engineer") == ["On call"]
    assert found(office, issuer.token(groups=["Contractors"]), "engineer") == []


UNKNOWN: dict[str, dict[str, Any]] = {
    "too many, Entra": {"groups": ..., "_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {}}},
    "too many, in a link": {"groups": ..., "hasgroups": True},
    "too many, beside some": {"groups": ["9c1f-sales"], "_claim_names": {"groups": "src1"}},
    "claim names that are none": {"groups": ["9c1f-sales"], "_claim_names": "groups"},
    "an object": {"groups": {"9c1f-sales": True}},
    "a number in the list": {"groups": ["9c1f-sales", 7]},
    "a list in the list": {"groups": [["9c1f-sales"]]},
    "null": {"groups": None},
}


@BOTH
@pytest.mark.parametrize("why", UNKNOWN)
def test_groups_that_cannot_be_known_give_nothing_at_all_and_are_recorded(
    office: Workspace, issuer: Issuer, why: str
) -> None:
    refused = found(office, issuer.token(sub="carol", **UNKNOWN[why]), "canteen")
    assert refused["status"] == 403 and refused["title"] == "Your groups cannot be worked out."
    assert office.audit.tail(1)[0].kind == "search.refused"


def test_one_value_may_stand_without_a_list(office: Workspace, issuer: Issuer) -> None:
    assert found(office, issuer.token(sub="carol", groups="9c1f-sales")) == ["Prices"]


@BOTH
def test_a_circle_above_a_claimed_group_gives_nothing_at_all(office: Workspace, issuer: Issuer) -> None:
    import sqlalchemy as sa

    from muniment.governance.identity.directory_tables import directory_membership

    with office.database.write() as connection:
        row = {"member": "group:sales", "group_name": "deals"}
        connection.execute(sa.insert(directory_membership).values(**row))
    assert found(office, issuer.token(sub="carol", groups=["9c1f-sales"]))["status"] == 403


@BOTH
def test_a_user_whom_scim_provisioned_has_the_groups_of_scim_alone(office: Workspace, issuer: Issuer) -> None:
    scim = Provisioner(office)
    scim.user("zoe")
    assert found(office, issuer.token(sub="zoe", groups=["9c1f-sales"])) == []
    assert found(office, issuer.token(sub="zoe", **UNKNOWN["too many, Entra"])) == []
    made = scim(
        "POST",
        "/Groups",
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "contractors"},
    )
    assert made.status_code == 409 and "given by tokens" in made.text


def test_an_inactive_account_has_nothing_of_its_claim(
    office: Workspace, issuer: Issuer, tmp_path: Path
) -> None:
    token = issuer.token(sub="carol", groups=["9c1f-sales"])
    file = tmp_path / "off.toml"
    file.write_text(DIRECTORY.replace("[users.carol]", "[users.carol]\nactive = false"))
    office.directory.import_file(file, OPERATOR)
    assert found(office, token)["status"] == 401


def test_a_claimed_group_counts_for_roles_and_duties(office: Workspace, issuer: Issuer) -> None:
    def models(groups: list[str]) -> int:
        headers = {"authorization": f"Bearer {issuer.token(sub='carol', groups=groups)}"}
        return client(office).post("/v1/search", json={"query": "price"}, headers=headers).status_code

    office.roles.grant("operator", "group:contractors", "trial", OPERATOR)
    assert (models([]), models(["Contractors"])) == (200, 403)
    with office.database.read() as connection:
        claimed = Principal("user", "carol", frozenset({"muniment-admins"}))
        assert office.policy.standing(connection, claimed).administrator
        assert not office.policy.standing(connection, Principal("user", "carol")).administrator


@BOTH
def test_a_session_keeps_the_groups_that_it_was_opened_with_until_it_ends(
    office: Workspace, issuer: Issuer
) -> None:
    place = f"/documents/{document_id(office, 'sales/prices.csv')}"
    issuer.user, issuer.id_claims = "carol", {"groups": ["9c1f-sales"]}
    with_groups = ProviderBrowser(office)
    with_groups.through()
    assert with_groups.asked["scope"] == "openid groups"
    issuer.id_claims = {}
    without = ProviderBrowser(office)
    without.through()
    for _ in range(2):
        assert with_groups.http.get(place).status_code == 200
        assert without.http.get(place).status_code == 404


def test_another_rule_in_the_settings_ends_the_sessions_of_before(
    office: Workspace, issuer: Issuer, tmp_path: Path
) -> None:
    issuer.user, issuer.id_claims = "carol", {"groups": ["9c1f-sales"]}
    browser = ProviderBrowser(office)
    browser.through()
    assert browser.http.get("/").status_code == 200
    corp = issuer.settings(group_claim="groups", groups={"9c1f-sales": "one"})
    changed = settings.parse({"identity": {"mode": "oidc", "issuers": {"corp": corp}}})
    again = app.open(office.home, settings=changed, clock=office.clock, embedder=lambda: None)
    secret = browser.http.cookies["muniment"]
    assert office.sessions.session(secret) is not None
    assert again.sessions.session(secret) is None
    again.close()


def test_a_group_has_one_source(make: Make, issuer: Issuer, tmp_path: Path) -> None:
    office = make()
    file = tmp_path / "both.toml"
    file.write_text(DIRECTORY.replace("[users.carol]", '[users.carol]\ngroups = ["deals"]'))
    with pytest.raises(BadInput, match="'deals' is given by tokens, and by another source: user:carol"):
        office.directory.import_file(file, OPERATOR)


def test_it_does_not_start_with_a_group_of_two_sources(office: Workspace, issuer: Issuer) -> None:
    corp = issuer.settings(group_claim="groups", groups={"x": "platform"})
    changed = settings.parse({"identity": {"mode": "oidc", "issuers": {"corp": corp}}})
    again = app.open(office.home, settings=changed, clock=office.clock, embedder=lambda: None)
    with pytest.raises(BadInput, match="'platform' is given by tokens, and by another source: user:alice"):
        client(again)
    again.close()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"group_claim": "groups"}, "group_claim and groups belong together"),
        ({"group_scope": "groups"}, "group_scope is without"),
        ({"group_claim": "g", "groups": {"a": "b"}, "group_scope": "offline_access"}, "asks for more"),
        ({"group_claim": "g", "groups": {"a": "b"}, "group_scope": "a b"}, "group_scope"),
        ({"groups": {"a": "b"}}, "group_claim and groups belong together"),
        ({"group_claim": "g", "groups": {"a": "everyone"}}, "'everyone' is built in"),
        ({"group_claim": "g", "groups": {"a": "b:c"}}, "groups: a name"),
        ({"group_claim": "g", "groups": {"a": "b"}, "user_match": "external_id"}, "come over SCIM"),
    ],
)
def test_settings_that_make_no_sense_are_refused(issuer: Issuer, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        settings.parse({"identity": {"mode": "oidc", "issuers": {"corp": issuer.settings(**changed)}}})


@BOTH
def test_somebody_in_5000_groups_signs_in_and_searches(make: Make, issuer: Issuer, folder: Path) -> None:
    many = {f"00000000-0000-4000-8000-{n:012}": f"g{n}" for n in range(5000)}
    many["nested"] = "deals"
    office = make(groups=many)
    office.ingest(folder, "docs")
    issuer.user, issuer.id_claims = "carol", {"groups": list(many)}
    browser = ProviderBrowser(office)
    assert browser.through().status_code == 303
    place = f"/documents/{document_id(office, 'sales/prices.csv')}"
    assert browser.http.get(place).status_code == 200
    began = time.perf_counter()
    for _ in range(5):
        assert browser.http.get(place).status_code == 200
    assert (time.perf_counter() - began) / 5 < 1
