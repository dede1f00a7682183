"""Workflows and tasks over HTTP: each for its caller, and what a program sends is the word of anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.journeys.test_action_routes import PEOPLE
from tests.journeys.test_workflows import PURCHASE, TOOLS, Flow
from tests.simulators.shop import Shop
from tests.simulators.web_client import api_key, bearer, client

from muniment.actions.labels import Integrity
from muniment.app import Workspace
from muniment.foundation.clock import Clock
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces import server

PURCHASING = {"workflow": "purchase-request", "given": PURCHASE}


class Desk(Flow):
    """A served workspace whose server runs workflows."""

    http: Any

    def send(self, method: str, path: str, who: str = "alice", **body: object) -> Any:
        headers = bearer(self.workspace, who)
        return self.http.request(method, path, json=body or None, headers=headers)


@pytest.fixture
def desk(make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(server, "_WORKFLOWS_AFTER", 0.0)
    workspace = make_workspace(directory=PEOPLE, clock=Clock())
    shop = Shop()
    workspace.running = shop.running()
    for text in TOOLS:
        workspace.tools.add(text, None, OPERATOR)
    workspace.roles.grant("tool-user", "group:support", "they help", OPERATOR)
    workspace.roles.grant("approver", "group:leads", "they lead", OPERATOR)
    workspace.roles.grant("operator", "user:olga", "runs it", OPERATOR)
    made = Desk(workspace, shop, workspace.clock)  # type: ignore[arg-type]
    with client(workspace) as made.http:
        yield made


def test_a_server_runs_what_was_started_until_it_ends(desk: Desk) -> None:
    run = desk.send("POST", "/v1/workflows", **PURCHASING, key="k").json()
    assert desk.send("POST", "/v1/workflows", **PURCHASING, key="k").json()["id"] == run["id"]
    place = f"/v1/workflows/{run['id']}"
    made = desk.inbox("request_purchase")
    for who in ("bob", "carol"):
        desk.approve(made, desk.workspace.principal(who))
    desk._until(lambda: desk.send("GET", place).json()["state"] == "done" or None)
    done = desk.send("GET", place).json()
    assert done["result"]["state"] == "done" and done["given"] == PURCHASE
    assert desk.effects() == [PURCHASE]
    assert [one["id"] for one in desk.send("GET", "/v1/workflows").json()["runs"]] == [run["id"]]


def test_the_run_of_another_is_as_absent_as_none(desk: Desk) -> None:
    run = desk.send("POST", "/v1/workflows", **PURCHASING).json()["id"]
    desk.inbox("request_purchase")
    for method, more in (("GET", ""), ("POST", "/cancel"), ("POST", "/resume")):
        told = [desk.send(method, f"/v1/workflows/{each}{more}", "dave") for each in (run, "run_none")]
        assert {(one.status_code, one.content) for one in told} == {(404, told[0].content)}
    assert desk.send("GET", "/v1/workflows", "dave").json() == {"runs": []}
    seen = desk.send("GET", f"/v1/workflows/{run}", "olga").json()
    assert (seen["state"], seen["given"], seen["result"]) == ("waiting", {}, None)
    assert desk.send("POST", f"/v1/workflows/{run}/resume").status_code == 403
    assert desk.send("POST", f"/v1/workflows/{run}/resume", "olga").status_code == 409
    assert desk.send("POST", f"/v1/workflows/{run}/cancel").json()["state"] == "cancelled"
    assert desk.send("POST", "/v1/workflows", workflow="nothing", given={}).status_code == 404


def test_what_a_program_sends_is_the_word_of_anybody(desk: Desk) -> None:
    key = api_key(desk.workspace, "tools:use")
    sent = desk.http.post("/v1/workflows", json=PURCHASING, headers={"authorization": f"Bearer {key}"})
    assert sent.status_code == 200 and sent.json()["requester"] == "service:helpdesk"
    made = desk.inbox("request_purchase", desk.workspace.principal("bob"))
    assert made.bound.context is not None
    assert Integrity(made.bound.context.integrity).spelled == "untrusted"
    narrow = api_key(desk.workspace, "ask")
    for path, body in (("/v1/workflows", PURCHASING), ("/v1/agent", {"task": "x"})):
        got = desk.http.post(path, json=body, headers={"authorization": f"Bearer {narrow}"})
        assert got.status_code == 403


def test_a_body_that_two_readers_could_read_differently_is_refused(desk: Desk) -> None:
    headers = bearer(desk.workspace, "alice") | {"content-type": "application/json"}
    text = '{"workflow": "purchase-request", "given": {"item": "a", "item": "b"}}'
    assert desk.http.post("/v1/workflows", content=text, headers=headers).status_code == 422
    assert desk.send("GET", "/v1/workflows").json() == {"runs": []}
