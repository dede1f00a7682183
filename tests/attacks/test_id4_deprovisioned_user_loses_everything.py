"""ID4: a user whom the identity provider switches off, removes or renames is out by the next request, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.test_az5_rights_at_release import Reciting
from tests.postgres import BOTH
from tests.simulators.issuer import Issuer
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.provisioner import USER, Provisioner
from tests.simulators.web_client import Browser, bearer, client, link

from muniment import app
from muniment.app import Workspace
from muniment.assistant.values import Claim, Finished, Started
from muniment.governance.identity.principal import Actor, Principal

FILE = "[services.helpdesk]\n"
ZOE = Principal("user", "zoe")
Ends = Callable[[Provisioner, dict[str, Any]], object]
OFF = {"op": "replace", "path": "active", "value": False}
ON = {"op": "replace", "path": "active", "value": True}


def path(user: dict[str, Any]) -> str:
    return f"/Users/{user['id']}"


ENDS: dict[str, Ends] = {
    "switched off": lambda scim, zoe: scim.patch(zoe, OFF),
    "put as inactive": lambda scim, zoe: scim(
        "PUT", path(zoe), {"schemas": [USER], "userName": "zoe", "active": False}
    ),
    "active taken away": lambda scim, zoe: scim.patch(zoe, {"op": "remove", "path": "active"}),
    "removed": lambda scim, zoe: scim("DELETE", path(zoe)),
    "renamed": lambda scim, zoe: scim.patch(zoe, {"op": "replace", "path": "userName", "value": "eve"}),
}
COMES_BACK: dict[str, Ends] = {
    **dict.fromkeys(
        ("switched off", "put as inactive", "active taken away"), lambda scim, zoe: scim.patch(zoe, ON)
    ),
    "removed": lambda scim, _: scim.user("zoe"),
    "renamed": lambda scim, zoe: scim.patch(zoe, {"op": "replace", "path": "userName", "value": "zoe"}),
}


def ways_in(workspace: Workspace, http: Any) -> dict[str, Callable[[], int]]:
    """Return the ways in that zoe has, each with what it answers now."""
    browser, token, unused = (
        Browser(workspace).sign_in("zoe"),
        bearer(workspace, "zoe"),
        link(workspace, "zoe"),
    )
    page = {"token": unused}
    csrf = {"x-csrf-token": browser.csrf, "origin": "http://localhost", "accept": "application/json"}
    return {
        "token": lambda: http.get("/v1/models", headers=token).status_code,
        "search": lambda: http.post("/v1/search", json={"query": "x"}, headers=token).status_code,
        "page": lambda: browser.http.get("/").status_code,
        "form": lambda: browser.http.post("/v1/search", json={"query": "x"}, headers=csrf).status_code,
        "unused link": lambda: (
            browser.http.post("/signin", data=page, headers={"origin": "http://localhost"}).status_code
        ),
    }


OUT = {"token": 401, "search": 401, "page": 303, "form": 401}


def test_every_way_in_ends_at_the_next_request_and_stays_ended(
    make_workspace: Callable[..., Workspace],
) -> None:
    workspace = make_workspace(directory=FILE)
    serving = app.open(workspace.home, embedder=lambda: None)
    scim, http = Provisioner(workspace), client(serving)
    scim.user("bob")
    bob = bearer(workspace, "bob")
    for how, end in ENDS.items():
        zoe = scim.user("zoe")
        ways = ways_in(workspace, http)
        unused = ways.pop("unused link")
        assert {way() for way in ways.values()} == {200}, how
        end(scim, zoe)
        assert {name: way() for name, way in ways.items()} == OUT, how
        COMES_BACK[how](scim, zoe)
        assert workspace.directory.active_since(ZOE) is not None
        assert {name: way() for name, way in ways.items()} == OUT, how
        assert unused() == 401, how
        assert http.get("/v1/models", headers=bob).status_code == 200
        for one in scim("GET", "/Users", filter='userName eq "zoe"').json()["Resources"]:
            assert scim("DELETE", path(one)).status_code == 204
    serving.close()


@BOTH
def test_what_a_group_opens_ends_with_the_membership_at_the_next_request(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    workspace = make_workspace(directory=FILE)
    workspace.ingest(folder, "files")
    serving = app.open(workspace.home, embedder=lambda: None, settings=workspace.settings)
    scim, http = Provisioner(workspace), client(serving)
    zoe = scim.user("zoe")
    sales = scim.group("sales")
    outer = scim.group("engineering", sales)
    token = bearer(workspace, "zoe")

    def titles() -> set[str]:
        got = http.post("/v1/search", json={"query": "Heron weekend canteen"}, headers=token)
        return {passage["title"] for passage in got.json()["passages"]}

    member = {"op": "add", "path": "members", "value": [{"value": zoe["id"]}]}
    assert titles() == {"Canteen"}
    assert scim.patch(sales, member).status_code == 204
    assert titles() == {"Canteen", "Prices", "On call"}
    assert scim.patch(outer, {"op": "remove", "path": "members"}).status_code == 204
    assert titles() == {"Canteen", "Prices"}
    assert scim.patch(sales, {"op": "replace", "path": "displayName", "value": "Sales"}).status_code == 204
    assert titles() == {"Canteen"}
    assert scim.patch(sales, {"op": "replace", "path": "displayName", "value": "sales"}).status_code == 204
    assert titles() == {"Canteen", "Prices"}
    assert scim("DELETE", f"/Groups/{sales['id']}").status_code == 204
    assert titles() == {"Canteen"}
    serving.close()


@pytest.mark.parametrize("how", ["switched off", "removed"])
def test_a_stream_stops_before_its_next_claim(
    make_workspace: Callable[..., Workspace], tmp_path: Path, how: str
) -> None:
    workspace = make_workspace(directory=FILE)
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "access.toml").write_text('allow = ["user:zoe"]\n')
    for n in range(1, 5):
        (papers / f"{n}.txt").write_text(f"The ferry to island number {n} costs {n}00 crowns.")
    workspace.ingest(papers, "papers")
    scim = Provisioner(workspace)
    zoe = scim.user("zoe")
    workspace.__dict__["gateway"] = Reciting(workspace.gateway)
    stream = workspace.assistant.stream(ZOE, "What does the ferry cost?", Actor("user:zoe", "http"))
    assert isinstance(next(stream), Started) and isinstance(next(stream), Claim)
    ENDS[how](scim, zoe)
    rest = list(stream)
    assert [type(event) for event in rest] == [Finished]
    assert "crowns" not in str(rest[0].answer.as_json())  # type: ignore[union-attr]


def test_a_providers_token_and_session_end_while_the_provider_still_vouches(
    sign_in_through: Callable[..., Workspace], issuer: Issuer
) -> None:
    workspace = sign_in_through({"corp": issuer.settings()})
    issuer.user = "zoe"
    token = {"authorization": f"Bearer {issuer.token(sub='zoe')}"}
    http, scim = client(workspace), Provisioner(workspace)
    assert http.get("/v1/models", headers=token).status_code == 401
    assert ProviderBrowser(workspace).through().status_code == 401
    zoe = scim.user("zoe")
    browser = ProviderBrowser(workspace)
    browser.through()
    assert browser.http.get("/").status_code == 200
    assert http.get("/v1/models", headers=token).status_code == 200
    scim.patch(zoe, OFF)
    assert http.get("/v1/models", headers=token).status_code == 401
    assert browser.http.get("/").status_code == 303
    assert ProviderBrowser(workspace).through().status_code == 401
    scim.patch(zoe, ON)
    assert browser.http.get("/").status_code == 303


def test_a_user_known_by_the_providers_own_id_is_whoever_has_it_now(
    sign_in_through: Callable[..., Workspace], issuer: Issuer
) -> None:
    workspace = sign_in_through({"corp": issuer.settings(user_match="external_id")})
    issuer.user = "00u1"
    token = {"authorization": f"Bearer {issuer.token(sub='00u1')}"}
    http, scim = client(workspace), Provisioner(workspace)
    zoe = scim.user("zoe", externalId="00u1")
    browser = ProviderBrowser(workspace)
    browser.through()
    assert browser.http.get("/").status_code == 200
    assert http.post("/v1/search", json={"query": "x"}, headers=token).status_code == 200
    assert workspace.audit.tail(1)[0].actor == "user:zoe"
    for stranger in ("zoe", "alice", "00U1"):
        named = {"authorization": f"Bearer {issuer.token(sub=stranger)}"}
        assert http.get("/v1/models", headers=named).status_code == 401
    scim.patch(zoe, {"op": "replace", "path": "externalId", "value": "00u2"})
    assert browser.http.get("/").status_code == 303
    assert http.get("/v1/models", headers=token).status_code == 401
    eve = scim.user("eve", externalId="00u1")
    assert http.post("/v1/search", json={"query": "x"}, headers=token).status_code == 200
    assert workspace.audit.tail(1)[0].actor == "user:eve"
    scim.patch(eve, OFF)
    assert http.get("/v1/models", headers=token).status_code == 401
    assert ProviderBrowser(workspace).through().status_code == 401
