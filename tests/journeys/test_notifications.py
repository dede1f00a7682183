"""People hear that something waits for them: once, by mail and webhook, and nothing of what it is."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.simulators.certificates import Authority
from tests.simulators.desk_of_leads import ALICE, PEOPLE, Desk, hidden
from tests.simulators.mailbox import Mailbox, Posts, listener, mail_server

from muniment import settings
from muniment.actions.assignment import read_assignment
from muniment.actions.bound import Agent, Evidence, Origin
from muniment.actions.tables import notification
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

SECRET = "a-secret-that-signs-posts"
LOGIN = "muniment:a-mail-password"
ASKED = {"bob@acme.example", "carol@lists.example"}


@pytest.fixture(params=["starttls"])
def mail(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Mailbox]:
    authority = Authority()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "mail.pem", tmp_path / "mail.key", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "mail.pem", tmp_path / "mail.key")
    with mail_server(context, LOGIN, request.param == "implicit") as box:
        yield box


@pytest.fixture
def posts() -> Iterator[Posts]:
    with listener() as running:
        yield running


@pytest.fixture
def make_desk(
    make_workspace: Callable[..., Workspace], clock: FixedClock, tmp_path: Path, mail: Mailbox, posts: Posts
) -> Callable[..., Desk]:
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "hook").write_text(SECRET + "\n")
    (tmp_path / "home" / "password").write_text(LOGIN.partition(":")[2])

    def make(assignment: str = "", **more: Any) -> Desk:
        smtp = {
            "host": "localhost",
            "port": mail.port,
            "tls": "implicit" if mail.implicit else "starttls",
            "user": LOGIN.partition(":")[0],
            "password": "file:password",
            "sender": "muniment@acme.example",
        }
        stated: dict[str, Any] = {
            "address": "https://muniment.acme.example/",
            "mail_domain": "acme.example",
            "mail": {"carol": "carol@lists.example"},
            "smtp": smtp,
            "webhook": {"url": posts.url, "secret": "file:hook"},
        }
        network = {"ca_file": str(tmp_path / "ca.pem"), **more.pop("network", {})}
        chosen = settings.parse({"notifications": {**stated, **more}, "network": network})
        made = Desk(make_workspace, clock, settings=chosen)
        if assignment:
            made.workspace.assignment = read_assignment(assignment)
        return made

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


def sweep(desk: Desk) -> int:
    told = desk.workspace.notifications
    assert told is not None
    return told.sweep()


def entries(desk: Desk, kind: str) -> list[Any]:
    return list(desk.workspace.audit.query(kind=kind, limit=100))


@pytest.mark.parametrize("mail", ["starttls", "implicit"], indirect=True)
def test_every_lead_hears_of_it_once_and_so_does_the_webhook(desk: Desk, mail: Mailbox, posts: Posts) -> None:
    made = desk.waiting()
    assert mail.messages == [] and posts.taken == []
    assert sweep(desk) == 3
    assert sweep(desk) == 0
    assert {to for to, _ in mail.messages} == ASKED and not mail.in_clear
    assert len(posts.taken) == 1 and len(entries(desk, "notification.sent")) == 3
    for _, message in mail.messages:
        assert f"https://muniment.acme.example/approvals/{made.id}" in message
        assert "2026-01-06T09:00:00.000Z" in message


def test_of_many_processes_that_look_at_the_same_time_one_sends(
    desk: Desk, mail: Mailbox, posts: Posts
) -> None:
    desk.waiting()
    told = desk.workspace.notifications
    assert told is not None and told.prepare() == 3 and told.prepare() == 0
    with desk.workspace.database.read() as connection:
        rows = connection.execute(sa.select(notification)).all()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(told._send, [*rows] * 6)) == 3
    assert len(mail.messages) == 2 and len(posts.taken) == 1


def test_nothing_of_an_action_is_in_a_message(desk: Desk, mail: Mailbox, posts: Posts) -> None:
    canary = "heron-canary"
    made = desk.waiting(
        agent=Agent(canary, canary, canary),
        origins={"reason": Origin("untrusted", canary)},
        evidence=(Evidence(canary, canary, canary),),
        reason=canary,
    )
    sweep(desk)
    sent = [message for _, message in mail.messages] + [str(one) for one in posts.taken]
    assert len(sent) == 3
    for one in sent:
        for content in (
            canary,
            "refund",
            "A-1",
            "20.00",
            "EUR",
            "alice",
            "Alice",
            "Bob",
            "support",
            made.digest,
        ):
            assert content not in one
    assert all(canary not in json.dumps(one.about, default=str) for one in entries(desk, "notification.sent"))
    assert set(json.loads(posts.taken[0][1])) == {"id", "event", "link", "expires_at"}


def test_the_signature_proves_body_and_time(desk: Desk, posts: Posts) -> None:
    desk.waiting()
    sweep(desk)
    [(headers, body)] = posts.taken
    when = headers["muniment-timestamp"]
    assert int(when) == int(desk.clock.now().timestamp())
    right = hmac.new(SECRET.encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["muniment-signature"] == f"v1={right}"
    assert headers["idempotency-key"] == json.loads(body)["id"]


def test_a_failing_server_is_tried_again_later_and_later_on_record(
    desk: Desk, mail: Mailbox, posts: Posts
) -> None:
    mail.fault, posts.status = "451 later", 503
    desk.waiting()
    assert sweep(desk) == 0 and sweep(desk) == 0
    assert len(posts.taken) == 1
    failed = entries(desk, "notification.failed")
    assert {(one.about["tries"], one.about["reason"]) for one in failed} == {
        (1, "rejected 451"),
        (1, "rejected 503"),
    }
    desk.clock.advance(seconds=31)
    assert sweep(desk) == 0 and len(posts.taken) == 2
    desk.clock.advance(seconds=31)
    assert sweep(desk) == 0 and len(posts.taken) == 2
    mail.fault, posts.status = "", 200
    desk.clock.advance(seconds=31)
    assert sweep(desk) == 3
    assert {headers["idempotency-key"] for headers, _ in posts.taken} == {json.loads(posts.taken[0][1])["id"]}


def test_what_cannot_be_sent_at_all_is_given_up_on_record(desk: Desk, posts: Posts) -> None:
    posts.status = 500
    desk.waiting()
    for _ in range(20):
        sweep(desk)
        desk.clock.advance(hours=1)
    assert len(posts.taken) == 12
    given_up = [one for one in entries(desk, "notification.failed") if one.about["given_up"]]
    assert [one.about["channel"] for one in given_up] == ["webhook"]


def test_after_a_crash_it_is_sent_again_under_the_same_id(desk: Desk, mail: Mailbox, posts: Posts) -> None:
    desk.waiting()
    told = desk.workspace.notifications
    assert told is not None
    told._move = _dies  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            told.sweep()
    del desk.workspace.notifications, told
    assert sweep(desk) == 0
    desk.clock.advance(minutes=3)
    assert sweep(desk) == 3
    ids: dict[str, set[str]] = {}
    for to, message in mail.messages:
        found = re.search(r"^Message-ID: (<ntf_\S+@acme\.example>)", message, re.M)
        assert found is not None
        ids.setdefault(to, set()).add(found[1])
    assert len(mail.messages) == 4 and [len(one) for one in ids.values()] == [1, 1]
    assert len({headers["idempotency-key"] for headers, _ in posts.taken}) == 1
    assert sweep(desk) == 0


def _dies(*_: object, **__: object) -> bool:
    raise KeyboardInterrupt


def test_no_proposal_speaks_to_a_server(desk: Desk, mail: Mailbox, posts: Posts) -> None:
    assert desk.waiting().state == "waiting"
    assert mail.said == [] and posts.taken == []


ESCALATES = """
[[rule]]
id = "leads-first"
groups = ["user:bob"]
escalate_to = ["group:leads"]
after = "2h"
expires = "6h"
"""


def test_those_who_are_asked_hear_of_it_then_others_and_again_before_it_expires(
    make_desk: Callable[..., Desk], mail: Mailbox
) -> None:
    desk = make_desk(ESCALATES)
    desk.waiting()
    sweep(desk)
    assert [to for to, _ in mail.messages] == ["bob@acme.example"]
    mail.messages.clear()
    desk.clock.advance(hours=2)
    sweep(desk)
    assert {to for to, _ in mail.messages} == ASKED and "nobody else has decided" in mail.messages[0][1]
    mail.messages.clear()
    desk.clock.advance(hours=3)
    sweep(desk)
    assert {to for to, _ in mail.messages} == ASKED and "expires soon" in mail.messages[0][1]
    mail.messages.clear()
    desk.clock.advance(hours=2)
    assert sweep(desk) == 0


def test_whoever_stands_in_hears_of_it_too(make_desk: Callable[..., Desk], mail: Mailbox) -> None:
    desk = make_desk('[[rule]]\nid = "bob"\ngroups = ["user:bob"]\n')
    bob, carol = Principal("user", "bob"), Principal("user", "carol")
    desk.workspace.delegations.make(bob, carol, timedelta(days=1), Actor(bob.ref, "web"))
    desk.waiting()
    sweep(desk)
    assert {to for to, _ in mail.messages} == ASKED


def test_nobody_hears_of_what_they_may_not_decide_or_have_decided(
    desk: Desk, mail: Mailbox, posts: Posts
) -> None:
    desk.workspace.roles.grant("approver", f"user:{ALICE.name}", "trial", OPERATOR)
    desk.shop.orders["A-1"]["total"] = "9000.00"
    made = desk.waiting(amount="5000.00")
    mail.fault = "451 later"
    sweep(desk)
    with desk.workspace.database.read() as connection:
        people = set(connection.execute(sa.select(notification.c.person)).scalars())
    assert people == {"user:bob", "user:carol", ""}
    mail.fault = ""
    bob = desk.browser("bob")
    bob.post(f"/approvals/{made.id}/approve", **hidden(bob.http.get(f"/approvals/{made.id}").text))
    desk.workspace.roles.revoke("approver", "group:leads", "over", OPERATOR)
    desk.workspace.roles.grant("approver", "user:bob", "trial", OPERATOR)
    desk.clock.advance(seconds=31)
    sweep(desk)
    assert mail.messages == [] and not any("alice" in line for line in mail.said)


def test_what_waits_no_longer_is_not_told(desk: Desk, mail: Mailbox, posts: Posts) -> None:
    mail.fault, posts.status = "451 later", 503
    made = desk.waiting()
    sweep(desk)
    mail.fault, posts.status = "", 200
    posts.taken.clear()
    desk.workspace.approvals.withdraw(made.id, ALICE, Actor(ALICE.ref, "http"))
    desk.clock.advance(seconds=31)
    assert sweep(desk) == 0 and mail.messages == [] and posts.taken == []
    with desk.workspace.database.read() as connection:
        states = set(connection.execute(sa.select(notification.c.state)).scalars())
    assert states == {"void"}


def test_where_nobody_can_be_told_the_log_says_so_once(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[[rule]]\nid = "gone"\ngroups = ["user:nobody"]\n', webhook=None)
    desk.waiting()
    assert sweep(desk) == 0 and sweep(desk) == 0
    [entry] = entries(desk, "notification.prepared")
    assert entry.about["notices"] == 0


def test_a_host_that_is_not_on_the_list_is_not_reached(
    make_desk: Callable[..., Desk], mail: Mailbox, posts: Posts
) -> None:
    desk = make_desk(network={"allow": {"notifications": ["elsewhere.example"]}})
    desk.waiting()
    assert sweep(desk) == 0 and posts.taken == [] and mail.said == []
    assert {one.about["reason"] for one in entries(desk, "notification.failed")} == {"egress-refused"}
    assert {one.about["purpose"] for one in entries(desk, "egress.refused")} == {"notifications"}


def test_a_server_whose_certificate_does_not_hold_gets_no_login_and_no_message(
    make_desk: Callable[..., Desk], mail: Mailbox, tmp_path: Path
) -> None:
    Authority("another").write(tmp_path / "other.pem")
    desk = make_desk(network={"ca_file": str(tmp_path / "other.pem")})
    desk.waiting()
    sweep(desk)
    assert mail.messages == [] and not any(line.startswith("AUTH") for line in mail.said)


@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({"smtp": {"host": "m", "sender": "a@b.example"}, "mail_domain": "b.example"}, "address"),
        ({"address": "https://m.example/x"}, "address"),
        ({"address": "ftp://m.example"}, "HOST"),
        ({"address": "https://m.example", "smtp": {"host": "m", "sender": "a@b.example"}}, "mail_domain"),
        ({"smtp": {"host": "m", "sender": "a b"}}, "sender"),
        ({"smtp": {"host": "m", "sender": "a@b.example", "user": "u"}}, "password"),
        (
            {"smtp": {"host": "m", "sender": "a@b.example", "user": "u", "password": "env:X", "tls": "none"}},
            "clear",
        ),
        ({"mail": {"bob": "bob@x\nBcc: eve@x"}}, "bob"),
        ({"mail_domain": "x\n"}, "mail_domain"),
        ({"remind": "soon"}, "remind"),
        ({"webhook": {"url": "https://u:p@h.example", "secret": "env:X"}}, "url"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(stated: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        settings.parse({"notifications": stated})


def test_without_settings_nobody_is_told(make_workspace: Callable[..., Workspace]) -> None:
    assert make_workspace(directory=PEOPLE).notifications is None
