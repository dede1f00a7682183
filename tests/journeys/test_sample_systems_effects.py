"""An operation of the sample company's systems takes effect once for each key, whole or not at all."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.simulators.acme_systems import AcmeSystems, acme_systems

ORDER = "M-1004"
TOTAL = Decimal("4440.00")
MAIL = {
    "to": ["rosa.m@post.example", "niaj@marrowby.example"],
    "subject": "Bracket",
    "body": "It is on its way.",
}
TIMES = {"start": "2027-01-11T09:00:00Z", "end": "2027-01-11T10:00:00Z"}
ENTRY = {**TIMES, "title": "Talk", "attendees": ["bob"], "location": "Boathouse"}
GRANT = {"user": "alice", "system": "warehouse"}
PURCHASE = {
    "supplier": "Potting Supplies",
    "item": "Resin",
    "amount": "400.00",
    "currency": "EUR",
    "cost_centre": "OPS-210",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeSystems]:
    with acme_systems(tmp_path_factory.mktemp("systems"), faults=True) as made:
        yield made


@pytest.fixture
def systems(running: AcmeSystems) -> AcmeSystems:
    """Return the systems as they are at their first start."""
    running.reset()
    return running


def tag(systems: AcmeSystems, order: str = ORDER) -> dict[str, str]:
    """Return the header that names the order as it is now."""
    return {"if-match": systems.call("carol", "orders:read", "GET", f"/orders/{order}").headers["etag"]}


def refund(systems: AcmeSystems, amount: str, **how: Any) -> httpx2.Response:
    body = {"order": ORDER, "amount": amount, "currency": "EUR", "reason": "A scratch"}
    how.setdefault("headers", {})
    how["headers"] = tag(systems) | how["headers"]
    return systems.call("carol", "refunds:write", "POST", how.pop("path", "/refunds"), body, **how)


def cancel(systems: AcmeSystems, refund_id: str, **how: Any) -> httpx2.Response:
    return systems.call("carol", "refunds:write", "POST", f"/refunds/{refund_id}/cancel", **how)


def send(systems: AcmeSystems, key: str, body: Any = MAIL, who: str = "bob", **how: Any) -> httpx2.Response:
    return systems.call(who, "mail:send", "POST", "/mail", body, key=key, **how)


def everything(systems: AcmeSystems) -> list[str]:
    """Return all that the database holds but which tokens were used."""
    with closing(sqlite3.connect(systems.folder / "systems.sqlite")) as connection:
        return [line for line in connection.iterdump() if "used_tokens" not in line]


def test_the_same_key_gives_the_first_reply_and_no_second_effect(systems: AcmeSystems) -> None:
    first, again = send(systems, "one"), send(systems, "one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content and first.headers["etag"] == again.headers["etag"]
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    assert len(systems.effects(key="one")) == len(systems.rows("SELECT * FROM outbox")) == 1
    (row,) = systems.effects()
    assert (row["operation"], row["sub"], row["reply"]) == ("sendMail", "user:bob", first.text)


def test_the_same_key_for_another_request_is_refused(systems: AcmeSystems) -> None:
    send(systems, "one")
    for other in (
        send(systems, "one", MAIL | {"subject": "Another"}),
        systems.call("bob", "mail:draft", "POST", "/drafts", MAIL, key="one"),
    ):
        assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    assert len(systems.effects()) == 1


def test_the_key_of_one_person_says_nothing_of_anothers(systems: AcmeSystems) -> None:
    mine, theirs = send(systems, "one"), send(systems, "one", who="alice")
    assert mine.json()["sender"] != theirs.json()["sender"] and len(systems.effects(key="one")) == 2


def test_a_request_that_was_refused_leaves_its_key_free(systems: AcmeSystems) -> None:
    assert refund(systems, "4440.01", key="one").status_code == 409
    assert systems.effects() == []
    assert refund(systems, "4440.00", key="one").status_code == 201


def test_an_operation_that_writes_needs_a_key(systems: AcmeSystems) -> None:
    for key in ("", "k" * 201):
        answer = send(systems, "", headers={"idempotency-key": key})
        assert answer.status_code == 422 and "idempotency-key" in answer.json()["detail"]
    assert send(systems, "k" * 200).status_code == 201 and len(systems.effects()) == 1


def test_twenty_at_once_with_one_key_have_one_effect(systems: AcmeSystems) -> None:
    headers = tag(systems)
    with ThreadPoolExecutor(20) as racers:
        answers = list(racers.map(lambda _: refund(systems, "10.00", key="one", headers=headers), range(20)))
    assert {answer.status_code for answer in answers} == {201} and len({a.content for a in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len(systems.effects()) == 1
    assert systems.rows("SELECT refunded, version FROM orders WHERE id = ?", ORDER) == [
        {"refunded": 1000, "version": 2}
    ]


def test_twenty_at_once_who_read_the_same_version_have_one_effect(systems: AcmeSystems) -> None:
    headers = tag(systems)
    with ThreadPoolExecutor(20) as racers:
        statuses = list(
            racers.map(lambda n: refund(systems, "10.00", key=f"{n}", headers=headers).status_code, range(20))
        )
    assert sorted(statuses) == [201] + [412] * 19 and len(systems.effects()) == 1


def test_a_kill_between_commit_and_reply_and_a_retry_are_one_effect(systems: AcmeSystems) -> None:
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(send, systems, "one", headers={"x-fault": "hang"})
        while not systems.effects():
            assert not waiting.done()
        systems.kill()
        with pytest.raises(httpx2.TransportError):
            waiting.result(10)
    systems.start()
    assert send(systems, "one").headers["idempotent-replayed"] == "true"
    assert len(systems.effects()) == len(systems.rows("SELECT * FROM outbox")) == 1


def test_a_crash_and_a_dropped_connection_leave_the_effect_and_its_reply(systems: AcmeSystems) -> None:
    for fault in ("drop", "crash"):
        with pytest.raises(httpx2.TransportError):
            send(systems, fault, headers={"x-fault": fault})
        assert len(systems.effects(key=fault)) == 1
    assert systems.wait() == 1
    systems.restart()
    for fault in ("drop", "crash"):
        assert send(systems, fault).headers["idempotent-replayed"] == "true"
    assert len(systems.effects()) == 2


def test_replies_go_wrong_as_they_are_asked_to(systems: AcmeSystems) -> None:
    def read(fault: str, **how: Any) -> httpx2.Response:
        headers = {"x-fault": fault}
        return systems.call("bob", "orders:read", "GET", "/orders/M-1003", headers=headers, **how)

    assert read("wrong-type").headers["content-type"] == "text/html"
    assert read("wrong-shape").json() == ["unexpected"]
    assert len(read("huge").content) > 100_000_000
    assert read("other").status_code == 400
    with pytest.raises(httpx2.ReadTimeout):
        read("hang", timeout=0.2)


def test_nothing_goes_wrong_without_the_flag(tmp_path: Path) -> None:
    with acme_systems(tmp_path) as systems:
        assert send(systems, "one", headers={"x-fault": "drop"}).status_code == 201


def test_a_refund_names_the_order_as_it_was_read(systems: AcmeSystems) -> None:
    headers = tag(systems)
    body = {"order": ORDER, "amount": "1.00", "currency": "EUR", "reason": "A scratch"}

    def status(sent: dict[str, str]) -> int:
        return systems.call("carol", "refunds:write", "POST", "/refunds", body, headers=sent).status_code

    assert (status({}), status({"if-match": "*"}), status({"if-match": '"7"'})) == (428, 428, 412)
    assert (status(headers), status(headers)) == (201, 412)
    assert len(systems.effects()) == 1


def test_a_write_for_a_version_that_is_gone_is_refused(systems: AcmeSystems) -> None:
    made = systems.call("alice", "calendar:write", "POST", "/calendar", ENTRY)
    path, headers = f"/calendar/{made.json()['id']}/reschedule", {"if-match": made.headers["etag"]}
    later = {"start": "2027-01-12T09:00:00Z", "end": "2027-01-12T10:00:00Z"}
    statuses = [
        systems.call("alice", "calendar:write", "POST", path, later, headers=headers).status_code
        for _ in "ab"
    ]
    assert statuses == [200, 412]


def test_a_dry_run_says_what_would_happen_and_changes_nothing(systems: AcmeSystems) -> None:
    grant = GRANT | {"until": "2027-01-31T00:00:00Z"}
    paid = refund(systems, "20.00").json()["id"]
    bought = systems.call("carol", "purchases:write", "POST", "/purchases", PURCHASE).json()["id"]
    planned = systems.call("carol", "calendar:write", "POST", "/calendar", ENTRY).json()["id"]
    granted = systems.call("frank", "access:grant", "POST", "/access-grants", grant).json()["id"]
    body = {"order": ORDER, "amount": "10.00", "currency": "EUR", "reason": "A scratch"}
    before = everything(systems)
    said = []
    for who, scope, method, path, sent in [
        ("carol", "refunds:write", "POST", "/refunds", body),
        ("carol", "refunds:write", "POST", f"/refunds/{paid}/cancel", None),
        ("carol", "purchases:write", "POST", "/purchases", PURCHASE),
        ("carol", "purchases:write", "POST", f"/purchases/{bought}/cancel", None),
        ("carol", "mail:send", "POST", "/mail", MAIL),
        ("carol", "mail:draft", "POST", "/drafts", MAIL),
        ("carol", "calendar:write", "POST", "/calendar", ENTRY),
        ("carol", "calendar:write", "POST", f"/calendar/{planned}/reschedule", TIMES),
        ("carol", "calendar:write", "POST", f"/calendar/{planned}/cancel", None),
        ("frank", "access:grant", "POST", "/access-grants", grant),
        ("frank", "access:grant", "DELETE", f"/access-grants/{granted}", None),
    ]:
        headers = tag(systems) if path == "/refunds" else {}
        shown = systems.call(who, scope, method, f"{path}?dry_run=true", sent, key="dry", headers=headers)
        assert (shown.status_code, shown.json()["dry_run"]) == (200, True), shown.text
        said.append(shown.json()["summary"])
    assert everything(systems) == before
    assert said[0] == "Pay 10.00 EUR back for order M-1004; 4410.00 is left then."
    assert len(set(said)) == 11
    refused = refund(systems, "4420.01", path="/refunds?dry_run=true")
    assert (refused.status_code, refused.json()["code"]) == (409, "exceeds-order")


def test_a_dry_run_spelled_otherwise_is_refused_rather_than_done(systems: AcmeSystems) -> None:
    for query in ("dryrun=true", "dry-run=true", "dry_run=perhaps", "dry_run=true&other=1"):
        answer = systems.call("bob", "mail:send", "POST", f"/mail?{query}", MAIL)
        assert answer.status_code == 422, query
    assert systems.effects() == []


def test_a_dry_run_of_what_was_done_says_so(systems: AcmeSystems) -> None:
    send(systems, "one")
    dry = systems.call("bob", "mail:send", "POST", "/mail?dry_run=true", MAIL, key="one")
    assert dry.json()["summary"] == "This was done before." and len(systems.effects()) == 1


def test_refunds_never_exceed_the_order_whatever_is_asked(systems: AcmeSystems) -> None:
    chosen, paid, left = random.Random(7), dict[str, Decimal](), TOTAL
    seen = set()
    for _ in range(120):
        if paid and chosen.random() < 0.3:
            gone = chosen.choice(sorted(paid))
            assert cancel(systems, gone).status_code == 200
            left += paid.pop(gone)
        else:
            cents = chosen.choice([1, int(left * 100), int(left * 100) + 1, chosen.randint(1, 500_000)])
            asked = Decimal(max(cents, 1)) / 100
            answer = refund(systems, f"{asked:.2f}")
            beyond_limit = sum(paid.values()) + asked > 5000
            assert answer.status_code == (403 if beyond_limit else 409 if asked > left else 201)
            seen.add(answer.status_code)
            if answer.status_code == 201:
                paid[answer.json()["id"]] = asked
                left -= asked
        order = systems.call("carol", "orders:read", "GET", f"/orders/{ORDER}").json()
        assert Decimal(order["refunded"]) == TOTAL - left == sum(paid.values()) <= TOTAL
    assert seen == {201, 403, 409}


def test_an_amount_is_a_decimal_with_two_digits_above_nothing(systems: AcmeSystems) -> None:
    wrong: list[Any] = [
        "0.00",
        "-1.00",
        "1",
        "1.0",
        "1.000",
        "1e2",
        "01.00",
        " 1.00",
        "١.00",
        "1.00\n",
        "NaN",
        1,
        None,
    ]
    for amount in wrong:
        assert refund(systems, amount).status_code == 422, amount
    assert systems.effects() == []


def test_a_refund_is_in_the_money_of_the_order(systems: AcmeSystems) -> None:
    body = {"order": ORDER, "amount": "1.00", "currency": "SEK", "reason": "A scratch"}
    answer = systems.call("carol", "refunds:write", "POST", "/refunds", body, headers=tag(systems))
    assert answer.status_code == 422 and systems.effects() == []


def test_what_was_done_can_be_undone_for_a_day(systems: AcmeSystems) -> None:
    kept, undone = refund(systems, "10.00").json()["id"], refund(systems, "20.00").json()["id"]
    bought = systems.call("carol", "purchases:write", "POST", "/purchases", PURCHASE).json()["id"]
    systems.restart(ahead=24 * 3600 - 60)
    assert cancel(systems, undone).json()["state"] == "cancelled"
    assert cancel(systems, undone).json()["code"] == "cancelled-before"
    systems.restart(ahead=24 * 3600 + 60)
    answers = [
        cancel(systems, kept),
        cancel(systems, "refund_seed1"),
        systems.call("carol", "purchases:write", "POST", f"/purchases/{bought}/cancel"),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "too-late")] * 3
    assert systems.rows("SELECT refunded FROM orders WHERE id = ?", ORDER) == [{"refunded": 1000}]


def test_a_database_that_fails_is_said_so_and_nothing_is_done(systems: AcmeSystems) -> None:
    for table in ("effect", "used_tokens"):
        systems.rows(f"ALTER TABLE {table} RENAME TO lost_{table}")
        answer = send(systems, "one")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), table
        assert systems.rows("SELECT * FROM outbox") == []
        systems.rows(f"ALTER TABLE lost_{table} RENAME TO {table}")
    assert send(systems, "one").status_code == 201


def test_the_same_seed_fills_every_folder_alike(systems: AcmeSystems, tmp_path: Path) -> None:
    with acme_systems(tmp_path / "other") as other:
        assert everything(other) == everything(systems)
    systems.restart()
    assert len(systems.rows("SELECT * FROM orders")) == 8
