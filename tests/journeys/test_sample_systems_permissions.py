"""The sample company's systems have permissions of their own: what each person may see and do, and nothing else."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.simulators.acme_systems import AcmeSystems, acme_systems

ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"
PEOPLE = sorted(tomllib.loads((ACME / "directory.toml").read_text("utf-8"))["users"])
EVERYONE = set(PEOPLE)
MAIL = {"to": ["bob@marrowby.example"], "subject": "Hello", "body": "Good morning"}
TIMES = {"start": "2027-01-11T09:00:00Z", "end": "2027-01-11T10:00:00Z"}
ENTRY = {**TIMES, "title": "Talk", "attendees": ["bob"], "location": "Boathouse"}
REFUND = {"order": "M-1004", "amount": "1.00", "currency": "EUR", "reason": "A scratch"}
PURCHASE = {
    "supplier": "Potting Supplies",
    "item": "Resin",
    "amount": "8400.00",
    "currency": "EUR",
    "cost_centre": "OPS-210",
}
SMALL = PURCHASE | {"amount": "10.00"}
READ_ORDERS = {"bob", "carol", "dave", "niaj", "olivia", "peggy"}
PAY_BACK = {"bob", "carol", "niaj"}
BUY = {"carol", "erin", "grace", "ivan", "niaj", "peggy"}
OPERATIONS: list[tuple[str, str, str, Any, set[str]]] = [
    ("orders:read", "GET", "/orders", None, READ_ORDERS),
    ("orders:read", "GET", "/orders/none", None, READ_ORDERS),
    ("refunds:read", "GET", "/refunds/none", None, PAY_BACK | {"olivia"}),
    ("refunds:write", "POST", "/refunds", REFUND | {"order": "none"}, PAY_BACK),
    ("refunds:write", "POST", "/refunds/none/cancel", None, PAY_BACK),
    ("purchases:read", "GET", "/purchases/none", None, BUY | {"olivia"}),
    ("purchases:write", "POST", "/purchases", SMALL, BUY),
    ("purchases:write", "POST", "/purchases/none/cancel", None, BUY),
    ("mail:read", "GET", "/mail", None, EVERYONE),
    ("mail:read", "GET", "/mail/none", None, EVERYONE),
    ("mail:read", "GET", "/drafts", None, EVERYONE),
    ("mail:draft", "POST", "/drafts", MAIL, EVERYONE),
    ("mail:send", "POST", "/mail", MAIL, EVERYONE),
    ("calendar:read", "GET", "/calendar", None, EVERYONE),
    ("calendar:write", "POST", "/calendar", ENTRY, EVERYONE),
    ("calendar:write", "POST", "/calendar/none/reschedule", TIMES, EVERYONE),
    ("calendar:write", "POST", "/calendar/none/cancel", None, EVERYONE),
    ("access:read", "GET", "/access-grants", None, EVERYONE),
    ("access:read", "GET", "/access-grants/none", None, EVERYONE),
    ("access:grant", "POST", "/access-grants", {"user": "bob", "system": "none", "until": "2027"}, {"frank"}),
    ("access:grant", "DELETE", "/access-grants/none", None, {"frank"}),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeSystems]:
    with acme_systems(tmp_path_factory.mktemp("systems")) as made:
        yield made


@pytest.fixture
def systems(running: AcmeSystems) -> AcmeSystems:
    """Return the systems as they are at their first start."""
    running.reset()
    return running


def refund(systems: AcmeSystems, who: str, amount: str, order: str = "M-1004") -> httpx2.Response:
    """Ask for a refund as a person who has read the order."""
    tag = systems.call(who, "orders:read", "GET", f"/orders/{order}").headers["etag"]
    body = REFUND | {"amount": amount, "order": order}
    return systems.call(who, "refunds:write", "POST", "/refunds", body, headers={"if-match": tag})


def until(**later: int) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


def grant(systems: AcmeSystems, user: str, system: str = "orders", **later: int) -> httpx2.Response:
    body = {"user": user, "system": system, "until": until(**later or {"days": 30})}
    return systems.call("frank", "access:grant", "POST", "/access-grants", body)


def test_every_operation_is_done_by_those_who_hold_it_and_nobody_else(systems: AcmeSystems) -> None:
    for scope, method, path, body, may in OPERATIONS:
        shown = f"{path}?dry_run=true" if method != "GET" else path
        statuses = {who: systems.call(who, scope, method, shown, body).status_code for who in PEOPLE}
        assert {who for who, status in statuses.items() if status != 403} == may, (method, path)
        assert {status for who, status in statuses.items() if who in may} <= {200, 404, 422}, (method, path)
    assert systems.effects() == []


def test_what_is_forbidden_looks_like_what_is_absent(systems: AcmeSystems) -> None:
    bought = systems.call("ivan", "purchases:write", "POST", "/purchases", SMALL).json()["id"]
    granted = grant(systems, "alice").json()["id"]
    paid = refund(systems, "niaj", "5.00").json()["id"]
    for who, scope, method, path, hidden, body in [
        ("dave", "orders:read", "GET", "/orders/{}", "M-1003", None),
        ("niaj", "mail:read", "GET", "/mail/{}", "mail_seed1", None),
        ("ivan", "calendar:write", "POST", "/calendar/{}/cancel", "entry_seed1", None),
        ("ivan", "calendar:write", "POST", "/calendar/{}/reschedule", "entry_seed1", TIMES),
        ("niaj", "purchases:read", "GET", "/purchases/{}", bought, None),
        ("niaj", "purchases:write", "POST", "/purchases/{}/cancel", bought, None),
        ("bob", "access:read", "GET", "/access-grants/{}", granted, None),
    ]:
        answers = [systems.call(who, scope, method, path.format(id_), body) for id_ in (hidden, "none")]
        assert [answer.status_code for answer in answers] == [404, 404], path
        assert answers[0].content == answers[1].content
        assert {k: v for k, v in answers[0].headers.items() if k != "date"} == {
            k: v for k, v in answers[1].headers.items() if k != "date"
        }
    assert systems.call("olivia", "refunds:read", "GET", f"/refunds/{paid}").status_code == 200
    assert systems.call("carol", "purchases:read", "GET", f"/purchases/{bought}").status_code == 200
    assert systems.call("alice", "access:read", "GET", f"/access-grants/{granted}").status_code == 200


def test_sales_people_see_the_orders_of_their_own_customers(systems: AcmeSystems) -> None:
    def listed(who: str, query: str = "") -> set[str]:
        found = systems.call(who, "orders:read", "GET", f"/orders{query}").json()["orders"]
        return {order["id"] for order in found}

    assert listed("dave") == {"M-1001", "M-1002", "M-1005", "M-1007"}
    assert listed("bob") == {f"M-100{n}" for n in range(1, 9)}
    assert listed("bob", "?state=open") == {"M-1006", "M-1008"}
    assert listed("bob", "?customer=WEIR-house") == {"M-1005"}
    assert listed("dave", "?customer=rosa") == set()


def test_a_refund_is_made_within_the_limit_of_whoever_makes_it(systems: AcmeSystems) -> None:
    assert refund(systems, "bob", "80.01").status_code == 403
    assert refund(systems, "bob", "80.00").status_code == 201
    assert refund(systems, "niaj", "400.01").status_code == 403
    assert refund(systems, "niaj", "400.00").status_code == 201
    assert refund(systems, "carol", "3960.00").status_code == 201


def test_a_refund_is_not_split_to_stay_below_the_limit(systems: AcmeSystems) -> None:
    assert refund(systems, "bob", "50.00").status_code == 201
    assert refund(systems, "bob", "30.01").status_code == 403
    assert refund(systems, "bob", "30.00").status_code == 201
    assert refund(systems, "bob", "0.01").status_code == 403
    assert refund(systems, "bob", "80.00", "M-1001").status_code == 201


def test_a_refund_is_taken_back_only_by_whoever_could_have_made_it(systems: AcmeSystems) -> None:
    large = refund(systems, "niaj", "300.00").json()["id"]
    assert systems.call("bob", "refunds:write", "POST", f"/refunds/{large}/cancel").status_code == 403
    assert systems.call("carol", "refunds:write", "POST", f"/refunds/{large}/cancel").status_code == 200


def test_a_purchase_is_made_within_the_limit_of_whoever_makes_it(systems: AcmeSystems) -> None:
    def buy(who: str, **changed: str) -> httpx2.Response:
        return systems.call(who, "purchases:write", "POST", "/purchases", PURCHASE | changed)

    assert buy("niaj", amount="1000.01").status_code == 403
    assert buy("ivan", amount="10000.01").status_code == 403
    made = buy("ivan")
    assert (made.status_code, made.json()["state"]) == (201, "ordered")
    assert buy("carol", amount="75000.00").status_code == 201
    assert buy("carol", amount="1.00", currency="SEK").status_code == 422


def test_everyone_has_a_mailbox_that_nobody_else_sees(systems: AcmeSystems) -> None:
    def heads(who: str, query: str = "") -> list[dict[str, Any]]:
        return systems.call(who, "mail:read", "GET", f"/mail{query}").json()["mails"]

    sent = systems.call("bob", "mail:send", "POST", "/mail", MAIL | {"to": ["Niaj@marrowby.example"]})
    assert sent.status_code == 201
    assert [mail["subject"] for mail in heads("niaj", "?search=hello")].count("Hello") == 1
    assert [mail["id"] for mail in heads("bob", "?folder=sent")] == [sent.json()["id"]]
    assert heads("bob", "?search=kingfisher") == heads("alice") == []
    assert systems.rows("SELECT * FROM outbox") == []
    out = systems.call("bob", "mail:send", "POST", "/mail", MAIL | {"to": ["rosa.m@post.example"]})
    assert out.status_code == 201
    assert [row["recipient"] for row in systems.rows("SELECT * FROM outbox")] == ["rosa.m@post.example"]
    nobody = systems.call("bob", "mail:send", "POST", "/mail", MAIL | {"to": ["all@marrowby.example"]})
    assert nobody.status_code == 422 and len(systems.effects("sendMail")) == 2


def test_a_reply_answers_a_mail_of_ones_own(systems: AcmeSystems) -> None:
    answer = MAIL | {"to": ["rosa.m@post.example"], "in_reply_to": "mail_seed1"}
    assert systems.call("bob", "mail:send", "POST", "/mail", answer).json()["in_reply_to"] == "mail_seed1"
    assert systems.call("niaj", "mail:send", "POST", "/mail", answer).status_code == 404
    assert len(systems.rows("SELECT * FROM outbox")) == 1


def test_a_draft_is_seen_by_its_writer_and_goes_nowhere(systems: AcmeSystems) -> None:
    systems.call("bob", "mail:draft", "POST", "/drafts", MAIL | {"to": ["niaj@marrowby.example"]})

    def drafts(who: str) -> list[str]:
        found = systems.call(who, "mail:read", "GET", "/drafts").json()["drafts"]
        return [draft["subject"] for draft in found]

    assert (drafts("bob"), drafts("niaj")) == (["Hello"], [])
    assert systems.rows("SELECT * FROM mail WHERE owner = 'niaj' AND subject = 'Hello'") == []


def test_an_entry_is_seen_by_who_attends_and_changed_by_its_owner(systems: AcmeSystems) -> None:
    made = systems.call("alice", "calendar:write", "POST", "/calendar", ENTRY).json()

    def entries(
        who: str, query: str = "?from=2027-01-11T09:30:00Z&to=2027-01-12T00:00:00%2B01:00"
    ) -> list[str]:
        found = systems.call(who, "calendar:read", "GET", f"/calendar{query}").json()["entries"]
        return [entry["id"] for entry in found]

    assert entries("alice") == entries("bob") == [made["id"]] and entries("niaj") == []
    assert entries("bob", "?to=2026-12-01T23:00:00Z") == ["entry_seed1"]
    moved = {"start": "2027-02-01T09:00:00+01:00", "end": "2027-02-01T10:00:00+01:00"}
    path = f"/calendar/{made['id']}"
    assert systems.call("bob", "calendar:write", "POST", f"{path}/reschedule", moved).status_code == 403
    assert systems.call("bob", "calendar:write", "POST", f"{path}/cancel").status_code == 403
    after = systems.call("alice", "calendar:write", "POST", f"{path}/reschedule", moved).json()
    assert (after["start"], after["version"]) == ("2027-02-01T08:00:00Z", 2)
    assert systems.call("alice", "calendar:write", "POST", f"{path}/cancel").json()["state"] == "cancelled"
    again = systems.call("alice", "calendar:write", "POST", f"{path}/reschedule", moved)
    assert again.status_code == 409


def test_a_grant_opens_a_system_until_it_ends(systems: AcmeSystems) -> None:
    def reads() -> int:
        return systems.call("alice", "orders:read", "GET", "/orders/M-1003").status_code

    assert reads() == 403
    made = grant(systems, "alice").json()["id"]
    assert reads() == 200
    assert systems.call("frank", "access:grant", "DELETE", f"/access-grants/{made}").status_code == 200
    assert reads() == 403
    assert systems.call("frank", "access:grant", "DELETE", f"/access-grants/{made}").status_code == 409
    grant(systems, "alice", hours=1)
    assert reads() == 200
    systems.restart(ahead=3601)
    assert reads() == 403


def test_nobody_grants_to_themselves_or_for_ever_or_what_does_not_exist(systems: AcmeSystems) -> None:
    assert grant(systems, "frank").status_code == 403
    for refused in (
        grant(systems, "nobody"),
        grant(systems, "alice", "nothing"),
        grant(systems, "alice", days=91),
        grant(systems, "alice", days=-1),
    ):
        assert refused.status_code == 422
    assert systems.effects() == []


def test_a_changed_permission_holds_from_the_next_request(systems: AcmeSystems) -> None:
    file = systems.folder / "permissions.toml"
    assert refund(systems, "bob", "10.00").status_code == 201
    kept = file.read_text()
    file.write_text(kept.replace('refund_limit = "80.00"', 'refund_limit = "15.00"'))
    assert refund(systems, "bob", "10.00").status_code == 403
    file.write_text(kept.replace("[users.bob]", "[users.robert]"))
    answer = systems.call("bob", "orders:read", "GET", "/orders")
    assert (answer.status_code, answer.json()["check"]) == (401, "sub")


@pytest.mark.parametrize("spoilt", ["", "everyone may all", 'surprise = "all"', None])
def test_permissions_that_cannot_be_read_let_nobody_in(systems: AcmeSystems, spoilt: str | None) -> None:
    file = systems.folder / "permissions.toml"
    if spoilt is None:
        file.unlink()
    else:
        file.write_text(spoilt)
    for who, scope, path in (("bob", "orders:read", "/orders"), ("frank", "access:read", "/access-grants")):
        answer = systems.call(who, scope, "GET", path)
        assert (answer.status_code, json.loads(answer.content)["code"]) == (503, "no-permissions")


def test_the_people_of_the_systems_are_those_of_the_directory() -> None:
    listed = tomllib.loads((ACME / "systems" / "permissions.toml").read_text("utf-8"))["users"]
    assert sorted(listed) == PEOPLE
