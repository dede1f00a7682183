"""OP1: every route times every kind of caller; a route that this table does not know fails the suite."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute
from tests.simulators.web_client import ORIGIN, Browser, bearer, client

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.server import create_server

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/signin"),
    ("POST", "/signin"),
    ("GET", "/static/{build}/{name}"),
}
BEARER: dict[tuple[str, str], Any] = {
    ("POST", "/v1/search"): {"query": "x"},
    ("POST", "/v1/answers"): {"question": "x"},
    ("GET", "/v1/answers/{answer_id}"): None,
    ("GET", "/v1/answers/{answer_id}/lineage"): None,
    ("GET", "/v1/documents/{document_id}"): None,
    ("GET", "/v1/models"): None,
}
PAGES = {
    ("GET", "/"),
    ("POST", "/ask"),
    ("GET", "/answers/{answer_id}"),
    ("GET", "/documents/{document_id}"),
    ("POST", "/signout"),
}


def routes(workspace: Workspace) -> set[tuple[str, str]]:
    def walk(found: Any) -> list[APIRoute]:
        made: list[APIRoute] = []
        for route in found:
            if isinstance(route, APIRoute):
                made.append(route)
            else:
                inner = getattr(route, "original_router", None) or getattr(route, "router", None)
                made += walk(inner.routes) if inner is not None else []
        return made

    return {(m, r.path) for r in walk(create_server(workspace).routes) for m in r.methods or ()}


def test_the_table_knows_every_route(workspace: Workspace) -> None:
    assert routes(workspace) == PUBLIC | BEARER.keys() | PAGES


def filled(path: str) -> str:
    return path.replace("{answer_id}", "ans_x").replace("{document_id}", "doc_x")


def bad_credentials(make_workspace: Any) -> dict[str, dict[str, str]]:
    clock = FixedClock()
    workspace, other = make_workspace(clock=clock), make_workspace("other")
    expired = bearer(workspace, "alice")
    clock.advance(hours=2)
    removed = bearer(workspace, "carol")
    workspace.directory.import_file(_without_carol(workspace), OPERATOR)
    return {
        "workspace": workspace,
        "anonymous": {},
        "expired": expired,
        "removed account": removed,
        "other workspace": bearer(other, "alice"),
        "cookie of nobody": {"cookie": "muniment=nonsense"},
    }  # type: ignore[return-value]


def _without_carol(workspace: Workspace) -> Any:
    path = workspace.home / "new-directory.toml"
    path.write_text("[users.alice]\n[users.bob]\n")
    return path


def test_no_credential_that_does_not_hold_reaches_a_route(make_workspace: Any) -> None:
    callers: dict[str, Any] = bad_credentials(make_workspace)
    http = client(callers.pop("workspace"))
    for who, headers in callers.items():
        for (method, path), body in BEARER.items():
            got = http.request(method, filled(path), json=body, headers={**headers, "origin": ORIGIN})
            assert got.status_code == 401, (who, path)
            assert got.headers["www-authenticate"] == "Bearer"
        for method, path in PAGES:
            shown = http.request(
                method, filled(path), headers={**headers, "accept": "text/html", "origin": ORIGIN}
            )
            assert (shown.status_code, shown.headers["location"]) == (303, "/signin"), (who, path)


def test_a_session_ends_with_its_account_at_the_next_request(workspace: Workspace) -> None:
    carol = Browser(workspace).sign_in("carol")
    assert carol.http.get("/").status_code == 200
    workspace.directory.import_file(_without_carol(workspace), OPERATOR)
    assert carol.http.get("/").status_code == 303


def test_a_bearer_token_does_not_open_pages(workspace: Workspace) -> None:
    got = client(workspace).get("/", headers=bearer(workspace, "alice"))
    assert got.status_code == 401


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_other_methods_are_not_taken(workspace: Workspace, method: str) -> None:
    got = client(workspace).request(method, "/v1/search", headers=bearer(workspace, "alice"))
    assert got.status_code == 405
