"""Actions and approvals over HTTP: who asks, who decides, and that nothing else decides in their place."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.journeys.command import Command
from tests.simulators.served import served
from tests.simulators.shop import MANIFESTS, Shop
from tests.simulators.web_client import ORIGIN, Browser, api_key, bearer, client

from muniment.actions.tables import action, action_decision
from muniment.app import Workspace
from muniment.foundation.clock import Clock, FixedClock
from muniment.governance.identity.principal import OPERATOR

PEOPLE = """
[users.alice]
groups = ["support"]
[users.bob]
groups = ["leads"]
[users.carol]
groups = ["leads"]
[users.dave]
[users.olga]
[groups.support]
[groups.leads]
[services.helpdesk]
groups = ["support", "leads"]
"""
REFUND = {"order": "A-1", "amount": "20.00"}


class Office:
    """A served workspace with a shop, whose support may use tools and whose leads approve."""

    def __init__(self, workspace: Workspace, shop: Shop, clock: FixedClock) -> None:
        self.workspace = workspace
        self.shop = shop
        self.clock = clock
        self.http = client(workspace)
        self.headers = {name: bearer(workspace, name) for name in ("alice", "bob", "carol", "dave", "olga")}

    def get(self, path: str, who: str = "alice") -> Any:
        return self.http.get(path, headers=self.headers[who])

    def post(self, path: str, who: str = "alice", **body: object) -> Any:
        return self.http.post(path, json=body, headers=self.headers[who])

    def propose(self, who: str = "alice", tool: str = "refund", **arguments: object) -> Any:
        return self.post("/v1/actions", who, tool=tool, arguments=arguments or REFUND)

    def waiting(self, **arguments: object) -> str:
        made = self.propose(**arguments).json()
        assert (made["outcome"], made["action"]["state"]) == ("approval", "waiting")
        return made["action"]["id"]

    def shown(self, made: str, who: str = "bob") -> dict[str, Any]:
        return self.get(f"/v1/approvals/{made}", who).json()

    def choice(self, made: str, who: str = "bob") -> dict[str, str]:
        shown = self.shown(made, who)
        return {"digest": shown["digest"], "ticket": shown["ticket"]}

    def approve(self, made: str, who: str = "bob") -> Any:
        return self.post(f"/v1/approvals/{made}/approve", who, **self.choice(made, who))

    def key(self, *scopes: str) -> dict[str, str]:
        return {"authorization": f"Bearer {api_key(self.workspace, *scopes)}"}


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Office:
    workspace = make_workspace(directory=PEOPLE, clock=clock)
    shop = Shop()
    outfit(workspace, shop)
    return Office(workspace, shop, clock)


def outfit(workspace: Workspace, shop: Shop) -> None:
    workspace.running = shop.running()
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    workspace.roles.grant("tool-user", "group:support", "they help", OPERATOR)
    workspace.roles.grant("approver", "group:leads", "they lead", OPERATOR)
    workspace.roles.grant("operator", "user:olga", "runs it", OPERATOR)


def test_a_refund_is_proposed_shown_approved_followed_and_taken_back(office: Office) -> None:
    made = office.propose().json()
    assert [one["outcome"] for one in made["steps"]].count("ask") == 1
    place = made["action"]["id"]
    [waiting] = office.get("/v1/approvals", "bob").json()["approvals"]
    assert (waiting["id"], waiting["class"]) == (place, "one") and "arguments" not in waiting
    shown = office.shown(place)
    assert shown["arguments"] == REFUND and shown["amount"] == "20.00 EUR"
    assert {one["place"]: one["integrity"] for one in shown["values"]} == {"amount": "user", "order": "user"}
    assert (shown["tool"]["effect"], shown["undo"], shown["requester"]) == (
        "pay",
        "cancel_refund",
        "user:alice",
    )
    assert office.approve(place).json() == {
        "id": place, "state": "done", "approvers": 1, "approved_by": ["user:bob"]
    }  # fmt: skip
    done = office.get(f"/v1/actions/{place}").json()
    assert done["result"] == {"id": "R-1"} and done["undo"]["arguments"] == {"refund": "R-1"}
    office.clock.advance(seconds=1)
    back = office.post(f"/v1/actions/{place}/undo").json()
    assert (back["outcome"], back["action"]["state"]) == ("auto", "done")
    assert [one["tool"] for one in office.get("/v1/actions").json()["actions"]] == ["cancel_refund", "refund"]
    assert [name for name, _, _ in office.shop.effects] == ["refund", "cancel_refund"]


def test_what_is_not_seen_is_marked_in_what_an_approver_is_shown(office: Office) -> None:
    hidden = REFUND | {"reason": "late\u202etfig"}
    made = office.post("/v1/actions", tool="refund", arguments=hidden).json()["action"]["id"]
    [said] = [one for one in office.shown(made)["values"] if one["place"] == "reason"]
    assert said["value"] == hidden["reason"] and said["shown"] == "late[U+202E]tfig" and said["remarks"]


def test_tools_are_named_to_whoever_may_use_them_alone(office: Office) -> None:
    names = [one["name"] for one in office.get("/v1/tools").json()["tools"]]
    assert names == ["cancel_refund", "get_order", "notify", "refund"]
    assert office.get("/v1/tools/refund").json()["arguments"]["required"] == ["order", "amount"]
    assert office.get("/v1/tools", "dave").json() == {"tools": []}
    told = [office.get(f"/v1/tools/{name}", "dave") for name in ("refund", "nothing")]
    told += [office.propose("dave", name) for name in ("refund", "nothing")]
    told.append(office.post("/v1/actions", "dave", tool="refund", arguments={}, dry_run=True))
    assert {(one.status_code, one.content) for one in told} == {(404, told[0].content)}
    assert len(office.workspace.audit.query(kind="action.denied")) == 2


def test_a_denial_gives_reasons_to_a_person_and_none_to_a_program(office: Office) -> None:
    mine = office.propose(order="A-1", amount="9000000.00")
    assert mine.status_code == 403 and "No machine may do this" in mine.json()["detail"]
    misfit = office.propose(order="A-1", amount="much", colour="red")
    assert misfit.status_code == 403 and "do not fit refund" in misfit.json()["detail"]
    for body in ({"order": "A-1", "amount": "9000000.00"}, {"order": 1}):
        sent = {"tool": "refund", "arguments": body}
        got = office.http.post("/v1/actions", json=sent, headers=office.key("tools:use"))
        assert (got.status_code, got.json()["detail"]) == (403, "")
    assert office.shop.effects == []


def test_a_dry_run_says_what_would_become_of_it_and_keeps_nothing(office: Office) -> None:
    got = office.post("/v1/actions", tool="refund", arguments=REFUND, dry_run=True).json()
    assert (got["outcome"], got["approvers"], got["action"]) == ("approval", 1, None)
    assert office.get("/v1/actions").json() == {"actions": []}


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ('{"tool": "refund", "arguments": {"order": "A-1", "amount": "1.00", "amount": "900.00"}}', "amount"),
        ('{"tool": "notify", "tool": "refund", "arguments": {}}', "tool"),
        ('{"tool": "refund", "arguments": {"order": NaN}}', "order"),
        ('{"tool": "refund", "arguments": {"order": 1e400}}', "order"),
        ('{"tool": "refund", "arguments": {"order": 1152921504606846976}}', "order"),
        ('{"tool": "refund", "arguments": {"order": [[1152921504606846976]]}}', "order"),
        ('{"tool": "refund", "arguments": []}', "arguments"),
        ('{"tool": "refund", "arguments": {}, "requester": "user:bob"}', "requester"),
        ("[]", ""),
        ("{", ""),
    ],
)
def test_a_body_that_two_readers_could_read_differently_is_refused_naming_the_place(
    office: Office, sent: str, names: str
) -> None:
    headers = {**office.headers["alice"], "content-type": "application/json"}
    got = office.http.post("/v1/actions", content=sent, headers=headers)
    assert got.status_code == 422 and names in got.text
    assert office.get("/v1/actions").json() == {"actions": []}


def test_what_a_program_sends_waits_where_a_persons_own_words_run(office: Office) -> None:
    sent = {"tool": "notify", "arguments": {"to": "bob", "text": "hello"}}
    exchange = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": office.headers["alice"]["authorization"].removeprefix("Bearer "),
    }
    key = office.key("act", "tools:use")
    delegated = office.http.post("/v1/token", data=exchange, headers=key).json()["access_token"]
    programs = [key, {"authorization": f"Bearer {delegated}"}, bearer(office.workspace, "service:helpdesk")]
    for headers in programs:
        got = office.http.post("/v1/actions", json=sent, headers=headers).json()
        assert (got["outcome"], got["action"]["state"], got["steps"]) == ("approval", "waiting", [])
    assert office.shop.effects == []
    assert office.post("/v1/actions", **sent).json()["action"]["state"] == "done"
    alice = Browser(office.workspace).sign_in("alice")
    csrf = {"origin": ORIGIN, "x-csrf-token": alice.csrf, "accept": "application/json"}
    assert alice.http.post("/v1/actions", json=sent, headers=csrf).json()["action"]["state"] == "done"


def test_a_program_that_takes_something_back_waits_too(office: Office) -> None:
    sent = {"tool": "refund", "arguments": REFUND}
    key = office.key("tools:use")
    made = office.http.post("/v1/actions", json=sent, headers=key).json()["action"]["id"]
    assert office.approve(made).json()["state"] == "done"
    back = office.http.post(f"/v1/actions/{made}/undo", headers=key).json()
    assert (back["outcome"], back["action"]["state"]) == ("approval", "waiting")


def test_no_program_decides_whatever_right_its_person_has(office: Office) -> None:
    made = office.waiting()
    choice = office.choice(made)
    exchange = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": office.headers["bob"]["authorization"].removeprefix("Bearer "),
    }
    key = office.key("act", "tools:use", "mcp")
    delegated = office.http.post("/v1/token", data=exchange, headers=key).json()["access_token"]
    service = bearer(office.workspace, "service:helpdesk")
    for headers in (key, {"authorization": f"Bearer {delegated}"}, service):
        for path in (f"/v1/approvals/{made}/approve", f"/v1/approvals/{made}/reject"):
            body = {**choice, **({"reason": "no"} if path.endswith("reject") else {})}
            assert office.http.post(path, json=body, headers=headers).status_code == 403
        batch = {"decisions": [{"id": made, **choice}]}
        assert office.http.post("/v1/approvals/batch", json=batch, headers=headers).status_code == 403
    assert office.http.get(f"/v1/approvals/{made}", headers=service).status_code == 404
    for kind in ("api_key.refused", "token.refused", "approvals.refused"):
        assert len(office.workspace.audit.query(kind=kind)) == 3
    assert office.shop.effects == []


def test_who_asks_does_not_decide_and_a_stranger_cannot_tell_whether_there_is_anything(
    office: Office,
) -> None:
    office.workspace.roles.grant("approver", "user:alice", "trial", OPERATOR)
    made = office.waiting()
    choice = office.choice(made)
    assert office.get("/v1/approvals").json() == {"approvals": []}
    for who in ("alice", "dave", "olga"):
        one, none = (office.get(f"/v1/approvals/{name}", who) for name in (made, "act_none"))
        assert (one.status_code, one.content) == (404, none.content)
        told = [office.post(f"/v1/approvals/{name}/approve", who, **choice) for name in (made, "act_none")]
        assert told[0].status_code == 401 and told[0].content == told[1].content
    for who in ("bob", "carol", "dave"):
        for path in ("", "/undo", "/withdraw"):
            send = office.post if path else office.get
            one, none = (send(f"/v1/actions/{name}{path}", who) for name in (made, "act_none"))
            assert (one.status_code, one.content) == (404, none.content)
    assert office.shop.effects == []


def test_a_ticket_is_of_one_person_one_action_and_these_bytes(office: Office) -> None:
    first, second = office.waiting(), office.waiting(order="A-1", amount="30.00")
    mine, other, carols = office.choice(first), office.choice(second), office.choice(first, "carol")
    assert office.post(f"/v1/approvals/{second}/approve", "bob", **mine).status_code == 409
    forged = [
        {"digest": mine["digest"], "ticket": other["ticket"]},
        {"digest": mine["digest"], "ticket": carols["ticket"]},
        {"digest": "sha256:" + "0" * 64, "ticket": mine["ticket"]},
        {"digest": mine["digest"], "ticket": "1.x"},
    ]
    for body in forged:
        assert office.post(f"/v1/approvals/{first}/approve", "bob", **body).status_code == 401
    for more in (
        {"arguments": {"order": "A-1", "amount": "900.00"}},
        {"as": "user:carol"},
        {"approver": "bob"},
    ):
        assert office.post(f"/v1/approvals/{first}/approve", "bob", **mine, **more).status_code == 422
    assert office.shop.effects == []
    assert office.post(f"/v1/approvals/{first}/approve", "bob", **mine).json()["state"] == "done"
    for who, choice in (("bob", mine), ("carol", carols)):
        assert office.post(f"/v1/approvals/{first}/approve", who, **choice).status_code == 409
    assert len(office.shop.effects) == 1


def test_an_old_sign_in_decides_nothing(office: Office) -> None:
    made = office.waiting()
    office.clock.advance(minutes=16)
    got = office.approve(made)
    assert got.status_code == 401 and "15 minutes" in got.json()["title"]
    bob = Browser(office.workspace).sign_in("bob")
    csrf = {"origin": ORIGIN, "x-csrf-token": bob.csrf, "accept": "application/json"}
    office.clock.advance(minutes=14)
    bob.http.get("/v1/approvals", headers=csrf)
    office.clock.advance(minutes=2)
    choice = bob.http.get(f"/v1/approvals/{made}", headers=csrf).json()
    body = {"digest": choice["digest"], "ticket": choice["ticket"]}
    assert bob.http.post(f"/v1/approvals/{made}/approve", json=body, headers=csrf).status_code == 401
    office.headers["bob"] = bearer(office.workspace, "bob")
    assert office.approve(made).json()["state"] == "done"


def test_a_page_of_another_site_decides_nothing_and_no_get_does(office: Office) -> None:
    made = office.waiting()
    bob = Browser(office.workspace).sign_in("bob")
    json_wanted = {"accept": "application/json"}
    choice = bob.http.get(f"/v1/approvals/{made}", headers=json_wanted).json()
    body = {"digest": choice["digest"], "ticket": choice["ticket"]}
    path = f"/v1/approvals/{made}/approve"
    csrf = bob.csrf
    for headers in (
        {},
        {"origin": ORIGIN},
        {"x-csrf-token": csrf, "origin": "https://evil.example"},
        {"x-csrf-token": "wrong", "origin": ORIGIN},
    ):
        assert bob.http.post(path, json=body, headers=json_wanted | headers).status_code == 403
    assert bob.http.get(path, params=body, headers=json_wanted).status_code == 405
    before = _rows(office)
    for place in (
        "/v1/tools",
        "/v1/actions",
        f"/v1/actions/{made}",
        "/v1/approvals",
        f"/v1/approvals/{made}",
    ):
        office.get(place, "bob")
        office.get(place, "alice")
    assert _rows(office) == before and office.shop.effects == []
    held = json_wanted | {"x-csrf-token": csrf, "origin": ORIGIN}
    assert bob.http.post(path, json=body, headers=held).json()["state"] == "done"


def _rows(office: Office) -> list[Any]:
    with office.workspace.database.read() as connection:
        return [*connection.execute(sa.select(action)), *connection.execute(sa.select(action_decision))]


def test_a_list_is_approved_by_digests_and_nothing_of_it_where_one_takes_two(office: Office) -> None:
    small = [office.waiting(order="A-1", amount=f"{euros}.00") for euros in (1, 2, 3)]
    large = office.waiting(order="A-1", amount="5000.00")
    decisions = [{"id": one, **office.choice(one)} for one in small]

    def batch(*sent: dict[str, str]) -> Any:
        return office.post("/v1/approvals/batch", "bob", decisions=list(sent))

    high = batch(*decisions, {"id": large, **office.choice(large)})
    assert high.status_code == 409 and "two people" in high.json()["title"]
    edited = {**decisions[0], "digest": decisions[1]["digest"]}
    assert batch(edited, *decisions[1:]).status_code == 401
    swapped = {**decisions[0], "digest": decisions[1]["digest"], "ticket": decisions[1]["ticket"]}
    assert batch(swapped, *decisions[1:]).status_code == 409
    assert batch(decisions[0], decisions[0]).status_code == 422
    assert (
        batch().status_code == 422 and office.post("/v1/approvals/batch", "bob", all=True).status_code == 422
    )
    assert batch({**decisions[0], "id": "act_none"}).status_code == 404
    assert office.shop.effects == []
    office.post(f"/v1/actions/{small[2]}/withdraw")
    got = batch(*decisions).json()["decisions"]
    assert [(one["state"], one["code"]) for one in got] == [("done", ""), ("done", ""), (None, "conflict")]
    assert len(office.shop.effects) == 2
    assert office.approve(large).json()["state"] == "waiting"
    assert office.approve(large, "carol").json()["state"] == "done"


def test_what_was_rejected_or_withdrawn_never_happens(office: Office) -> None:
    first, second = office.waiting(), office.waiting(order="A-1", amount="30.00")
    choice, other = office.choice(first), office.choice(second)
    assert office.post(f"/v1/approvals/{first}/reject", "bob", **choice).status_code == 422
    rejected = office.post(f"/v1/approvals/{first}/reject", "bob", **choice, reason="paid last week").json()
    assert rejected["state"] == "rejected"
    assert office.post(f"/v1/actions/{second}/withdraw").json()["state"] == "withdrawn"
    assert office.post(f"/v1/actions/{second}/withdraw").status_code == 409
    for made, held in ((first, choice), (second, other)):
        assert office.post(f"/v1/approvals/{made}/approve", "bob", **held).status_code == 409
    assert office.shop.effects == []


def test_somebody_stands_in_for_a_while(office: Office) -> None:
    made = office.post("/v1/approvals/delegations", "bob", to="carol", **{"for": "7d"}).json()
    assert (made["from_person"], made["to_person"], made["ended_at"]) == ("user:bob", "user:carol", None)
    assert office.get("/v1/approvals/delegations", "carol").json() == {"delegations": [made]}
    place = f"/v1/approvals/delegations/{made['id']}"
    assert office.http.delete(place, headers=office.headers["carol"]).status_code == 404
    assert office.http.delete(place, headers=office.headers["bob"]).json()["ended_at"]
    assert office.post("/v1/approvals/delegations", "bob", to="nobody", **{"for": "7d"}).status_code == 422


def test_whoever_administers_stops_and_lets_go(office: Office) -> None:
    made = office.waiting()
    for send in (lambda: office.get("/v1/actions/stops"), lambda: _stop(office, "bob")):
        assert send().status_code == 403
    refused = {entry.actor for entry in office.workspace.audit.query(kind="policy.refused")}
    assert refused == {"user:alice", "user:bob"}
    stopped = _stop(office, "olga").json()
    denied = office.propose(order="A-1", amount="3.00")
    assert denied.status_code == 403 and "All actions are stopped." in denied.json()["detail"]
    assert office.approve(made).json()["code"] == "action-refused"
    assert office.shop.effects == []
    [one] = office.get("/v1/actions/stops", "olga").json()["stops"]
    assert (one["id"], one["ended_at"]) == (stopped["id"], None)
    assert office.post(f"/v1/actions/stops/{stopped['id']}/end", "alice").status_code == 403
    assert office.post(f"/v1/actions/stops/{stopped['id']}/end", "olga").json()["ended_by"] == "user:olga"
    assert office.propose(order="A-1", amount="3.00").json()["outcome"] == "approval"


def _stop(office: Office, who: str) -> Any:
    return office.post("/v1/actions/stops", who, kind="everything", reason="an alarm")


def test_a_stop_in_one_process_stops_a_servers_next_call_within_two_seconds(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    import httpx2

    workspace = make_workspace(directory=PEOPLE, clock=Clock())
    outfit(workspace, Shop())
    sent = {"tool": "notify", "arguments": {"to": "bob", "text": "hello"}}
    with served(workspace) as url, httpx2.Client(base_url=url, headers=bearer(workspace, "alice")) as http:
        assert http.post("/v1/actions", json=sent).json()["action"]["state"] == "done"
        command = Command(workspace.home, settings="")
        ran = command.apart("actions", "stop", "everything", "--reason", "an alarm", "--json")
        at = time.monotonic()
        assert ran.code == 0, ran.err
        assert http.post("/v1/actions", json=sent).status_code == 403
        assert time.monotonic() - at < 2
        again = command.apart("actions", "resume", ran.document["id"], "--json")
        assert again.code == 0 and http.post("/v1/actions", json=sent).status_code == 200
    assert len(workspace.audit.query(kind="actions.stopped")) == 1
