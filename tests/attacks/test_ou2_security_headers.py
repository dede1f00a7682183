"""OU2: a strict content security policy and its companions on every response, whatever went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulators.web_client import ORIGIN, Browser, bearer, client

from muniment.app import Workspace
from muniment.foundation.errors import Unavailable
from muniment.interfaces.server import create_server
from muniment.interfaces.web.static_files import assets, static_root


def directives(response: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def check(response: Any) -> None:
    policy = directives(response)
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    for name in ("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action"):
        assert policy[name] == "'self'", name
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in response.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/signin"),
        ("GET", "/signin?token=x"),
        ("POST", "/signin"),
        ("POST", "/ask"),
        ("GET", "/documents/x"),
        ("GET", "/documents/x/pages/1.png"),
        ("GET", "/answers/x"),
        ("GET", "/approvals"),
        ("GET", "/approvals/act_a"),
        ("POST", "/approvals/act_a/approve"),
        ("GET", "/actions"),
        ("GET", "/approvals/delegations"),
        ("GET", "/workflows"),
        ("GET", "/openapi.json"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/v1/models"),
        ("POST", "/v1/search"),
        ("PUT", "/v1/search"),
        ("GET", "/nowhere"),
        ("OPTIONS", "/v1/answers"),
    ],
)
def test_anonymous_responses(workspace: Workspace, method: str, path: str) -> None:
    response = client(workspace).request(method, path)
    check(response)
    assert response.headers["cache-control"] == "no-store"


def test_signed_in_pages_and_streams(workspace: Workspace) -> None:
    alice = Browser(workspace).sign_in("alice")
    for path in (
        "/",
        "/documents/x",
        "/answers/x",
        "/approvals",
        "/approvals/act_a",
        "/actions",
        "/workflows",
    ):
        response = alice.http.get(path)
        check(response)
        assert response.headers["cache-control"] == "no-store"
    headers = {"accept": "text/event-stream", "origin": ORIGIN}
    stream = alice.http.post("/ask", data={"csrf": alice.csrf, "question": "why"}, headers=headers)
    assert stream.headers["content-type"].startswith("text/event-stream")
    check(stream)


def test_static_files_may_be_kept_and_are_only_this_build(workspace: Workspace) -> None:
    http = client(workspace)
    for name in assets():
        response = http.get(f"{static_root()}/{name}")
        check(response)
        assert "immutable" in response.headers["cache-control"]
    for path in ("/static/0/ask.js", f"{static_root()}/../pages.py", f"{static_root()}/%2e%2e%2fpages.py"):
        assert http.get(path).status_code == 404


def test_an_unforeseen_failure_tells_nothing(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    app = create_server(workspace)

    @app.get("/broken")
    def broken() -> None:
        raise ValueError("walnut-canary")

    from starlette.testclient import TestClient

    response = TestClient(app, base_url=ORIGIN).get("/broken")
    assert (response.status_code, response.json()["code"]) == (500, "failed")
    assert "walnut-canary" not in response.text
    assert "walnut-canary" not in caplog.text
    assert "ValueError" in caplog.text
    check(response)


def test_a_log_that_cannot_be_written_gives_503_and_nothing_else(
    make_workspace: Callable[..., Workspace], folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    workspace.ingest(folder, "docs")

    def full(_entries: object) -> None:
        raise Unavailable("The log cannot be written.")

    monkeypatch.setattr(workspace.audit, "record", full)
    http, alice = client(workspace), bearer(workspace, "alice")
    for path, body in (("/v1/search", {"query": "canteen"}), ("/v1/answers", {"question": "canteen opens"})):
        response = http.post(path, json=body, headers=alice)
        assert response.status_code == 503
        assert "eight" not in response.text
        check(response)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8321", "", "[::1", "localhost:80:80"],
)
def test_another_host_name_reaches_no_route(workspace: Workspace, host: str) -> None:
    response = client(workspace).get("/healthz", headers={"host": host})
    assert (response.status_code, response.json()["code"]) == (421, "wrong-host")
    check(response)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8321", "127.0.0.1:1", "[::1]:8321", "[::1]"])
def test_its_own_host_names_are_served(workspace: Workspace, host: str) -> None:
    assert client(workspace).get("/healthz", headers={"host": host}).status_code == 200
