"""Incidents over HTTP: who reads them, who freezes, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulators.web_client import bearer, client

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

BOB = {"kind": "user", "name": "bob", "reason": "while we look"}


@pytest.fixture
def guarded(workspace: Workspace) -> Workspace:
    workspace.roles.grant("security-officer", "carol", "she guards", OPERATOR)
    workspace.roles.grant("operator", "alice", "she runs it", OPERATOR)
    return workspace


def opened(workspace: Workspace) -> str:
    return workspace.incidents.open("user:bob", "high", "Somebody wrote.", None, OPERATOR, [0]).id


def send(workspace: Workspace, method: str, path: str, body: Any = None, who: str = "carol") -> Any:
    return client(workspace).request(method, path, json=body, headers=bearer(workspace, who))


def test_an_officer_finds_freezes_thaws_and_closes(guarded: Workspace) -> None:
    made = opened(guarded)
    [listed] = send(guarded, "GET", "/v1/incidents?state=open").json()["incidents"]
    assert (listed["id"], listed["says"], listed["entries"]) == (made, "Somebody wrote.", [0])
    one = f"/v1/incidents/{made}"
    frozen = send(guarded, "POST", f"{one}/freeze", BOB).json()
    assert (frozen["name"], frozen["by"], frozen["incident"]) == ("bob", "user:carol", made)
    assert send(guarded, "POST", f"{one}/freeze", BOB).status_code == 409
    assert send(guarded, "GET", one).json()["frozen"] == [frozen]
    assert send(guarded, "POST", f"{one}/thaw", BOB).json() == frozen
    assert send(guarded, "POST", f"{one}/thaw", BOB).status_code == 422
    closed = send(guarded, "POST", f"{one}/close", {"outcome": "It was nothing."}).json()
    assert (closed["state"], closed["closed_by"]) == ("closed", "user:carol")
    assert send(guarded, "POST", f"{one}/close", {"outcome": "Again."}).status_code == 409
    assert send(guarded, "GET", "/v1/incidents?state=open").json() == {"incidents": []}


def test_a_freeze_is_ended_where_it_belongs(guarded: Workspace) -> None:
    made, other = opened(guarded), opened(guarded)
    assert send(guarded, "POST", f"/v1/incidents/{made}/freeze", BOB).status_code == 200
    for wrong in (other, "inc_none"):
        assert send(guarded, "POST", f"/v1/incidents/{wrong}/thaw", BOB).status_code == 409
    assert len(guarded.incidents.show(made, None, OPERATOR).frozen) == 1


def test_one_who_may_freeze_and_not_read_is_told_what_they_did(guarded: Workspace) -> None:
    made = opened(guarded)
    for path in ("/v1/incidents", f"/v1/incidents/{made}", "/v1/incidents/inc_none"):
        assert send(guarded, "GET", path, who="alice").status_code == 403
    told = [
        send(guarded, "POST", f"/v1/incidents/{made}/freeze", BOB, "alice"),
        send(guarded, "POST", f"/v1/incidents/{made}/close", {"outcome": "Done."}, "alice"),
    ]
    assert [one.status_code for one in told] == [200, 200]
    assert not any("Somebody wrote." in one.text for one in told)
