"""ID6: cookies are HttpOnly, SameSite and Secure; CSRF value and origin are checked on every change."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.simulators.web_client import ORIGIN, Browser, bearer, client, kinds, link

from muniment.app import Workspace
from muniment.interfaces.server import create_server


def test_looking_at_a_link_does_not_use_it_and_using_it_does(workspace: Workspace) -> None:
    token = link(workspace, "alice")
    browser = Browser(workspace)
    for _ in range(3):
        assert browser.http.get("/signin", params={"token": token}).status_code == 200
    assert browser.http.cookies.get("muniment") is None
    assert browser.post("/signin", token=token).status_code == 303
    assert browser.http.get("/").status_code == 200
    assert Browser(workspace).post("/signin", token=token).status_code == 401


def test_the_cookie_on_this_machine(workspace: Workspace) -> None:
    browser = Browser(workspace)
    cookie = browser.post("/signin", token=link(workspace, "alice")).headers["set-cookie"].lower()
    assert cookie.startswith("muniment=")
    assert "httponly" in cookie and "samesite=lax" in cookie and "domain" not in cookie
    assert "secure" not in cookie


@pytest.mark.parametrize("base", ["https://localhost", "https://127.0.0.1:8321"])
def test_the_cookie_over_tls_is_secure_and_bound_to_the_host(workspace: Workspace, base: str) -> None:
    http = TestClient(create_server(workspace), base_url=base, follow_redirects=False)
    response = http.post("/signin", data={"token": link(workspace, "alice")}, headers={"origin": base})
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("__host-muniment=")
    assert all(part in cookie for part in ("httponly", "secure", "path=/", "samesite=lax"))
    assert "strict-transport-security" in response.headers


CHANGES = [
    ("/ask", {"question": "why"}),
    ("/approvals/act_a/approve", {"digest": "x", "ticket": "x"}),
    ("/approvals/act_a/reject", {"digest": "x", "ticket": "x", "reason": "no"}),
    ("/actions/act_a/withdraw", {}),
    ("/actions/act_a/undo", {}),
    ("/signout", {}),
]


@pytest.mark.parametrize(("path", "fields"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://localhost:1"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
def test_a_change_from_elsewhere_is_refused_even_with_the_right_value(
    workspace: Workspace, path: str, fields: dict[str, str], headers: dict[str, str]
) -> None:
    alice = Browser(workspace).sign_in("alice")
    response = alice.http.post(path, data={**fields, "csrf": alice.csrf}, headers=headers)
    assert response.status_code == 403
    assert alice.http.get("/").status_code == 200
    assert "answer.request" not in kinds(workspace)


@pytest.mark.parametrize(("path", "fields"), CHANGES)
@pytest.mark.parametrize("csrf", [None, "", "wrong", "é"])
def test_a_change_without_the_sessions_value_is_refused(
    workspace: Workspace, path: str, fields: dict[str, str], csrf: str | None
) -> None:
    alice, bob = Browser(workspace).sign_in("alice"), Browser(workspace).sign_in("bob")
    for value in (csrf, bob.csrf):
        sent = fields if value is None else {**fields, "csrf": value}
        assert alice.post(path, **sent).status_code == (403 if sent else 422)
    assert "answer.request" not in kinds(workspace)


def test_the_interface_with_a_cookie_needs_the_value_in_a_header(workspace: Workspace) -> None:
    alice = Browser(workspace).sign_in("alice")
    body, origin = {"query": "x"}, {"origin": ORIGIN, "accept": "application/json"}
    assert alice.http.post("/v1/search", json=body, headers=origin).status_code == 403
    right = {**origin, "x-csrf-token": alice.csrf}
    assert alice.http.post("/v1/search", json=body, headers=right).status_code == 200
    assert alice.http.post("/v1/search", json=body, headers=right | {"origin": "null"}).status_code == 403


def test_a_link_cannot_be_used_for_someone_by_another_site(workspace: Workspace) -> None:
    token = link(workspace, "alice")
    http = client(workspace)
    refused = http.post("/signin", data={"token": token}, headers={"origin": "https://evil.example"})
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert Browser(workspace).post("/signin", token=token).status_code == 303


def test_signing_out_ends_the_session_for_whoever_holds_the_cookie(workspace: Workspace) -> None:
    alice = Browser(workspace).sign_in("alice")
    stolen = alice.http.cookies.get("muniment")
    assert alice.post("/signout", csrf=alice.csrf).status_code == 200
    http = client(workspace, cookies={"muniment": stolen})
    assert http.get("/v1/models").status_code == 401


def test_a_bad_bearer_token_is_not_made_up_for_by_a_cookie(workspace: Workspace) -> None:
    alice = Browser(workspace).sign_in("alice")
    for given in ("Bearer nonsense", "Bearer mun_nonsense", "Bearer ", "Basic YTpi", "nonsense"):
        assert (
            alice.http.get("/v1/models", headers={"authorization": given, "accept": "*/*"}).status_code == 401
        )
    once = bearer(workspace, "alice")["authorization"]
    twice = [("authorization", once), ("authorization", once), ("accept", "*/*")]
    assert alice.http.get("/v1/models", headers=twice).status_code == 401
