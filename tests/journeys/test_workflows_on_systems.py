"""The three workflows over the sample company's real systems: their own rules hold, and each effect is there once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from tests.simulators.acme_systems import ISSUER, AcmeSystems

from muniment.actions.action import Action
from muniment.actions.approvals import Approver
from muniment.actions.manifest_folder import manifest_texts
from muniment.app import Workspace
from muniment.assistant.workflows import access_request
from muniment.foundation.workflows.runs import ENDED, Run
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.settings import parse

T = TypeVar("T")
ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"


class Company:
    """The sample company: its directory, its tools, its systems and its people."""

    def __init__(self, workspace: Workspace, systems: AcmeSystems) -> None:
        self.workspace = workspace
        self.systems = systems

    def start(self, name: str, given: dict[str, object], who: str) -> Run:
        principal = Principal("user", who)
        by = Actor(principal.ref, "http")
        return self.workspace.workflow_runs.start(name, given, principal, by, own_words=True)

    def waiting(self, tool: str, who: str) -> Action:
        person = Principal("user", who)
        return self.until(
            lambda: next((a for a in self.workspace.approvals.inbox(person) if a.bound.tool == tool), None)
        )

    def approve(self, made: Action, who: str) -> Action:
        person = Principal("user", who)
        by = Actor(person.ref, "web")
        shown = self.workspace.approvals.show(made.id, person, by)
        approver = Approver(person, by, self.workspace.clock.now())
        return self.workspace.actions.approve(made.id, shown.action.digest, shown.ticket, approver)

    def result(self, run: Run) -> dict[str, object]:
        def look() -> Run | None:
            found = self.workspace.workflow_runs.show(run.id, None)
            return found if found.state in ENDED else None

        found = self.until(look)
        return dict(found.result or {"failed": found.why})

    def until(self, look: Callable[[], T | None]) -> T:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = look()
            if found is not None:
                return found
            time.sleep(0.05)
        raise AssertionError("it did not come to pass")


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Company]:
    folder = tmp_path / "systems"
    folder.mkdir()
    systems = AcmeSystems(folder)
    tools = {"issuer": ISSUER, "mail_domains": ["marrowby.example"]}
    workspace = make_workspace(
        directory=(ACME / "directory.toml").read_text(), settings=parse({"tools": tools})
    )
    systems.jwks = {"keys": [systems.key.as_dict(private=False), workspace.call_credentials.public_jwk()]}
    systems.start()
    try:
        # The address is known only now that they listen, and settings never change.
        named = {"tools": {**tools, "origins": [systems.url]}}
        workspace.settings = parse(named)
        for text in manifest_texts(ACME / "tools", {"systems": systems.url}):
            workspace.tools.add(text, None, OPERATOR)
        for role, who in (("tool-user", "everyone"), ("reader", "everyone")):
            workspace.roles.grant(role, f"group:{who}", "they work", OPERATOR)
        for who in ("niaj", "carol", "grace", "sybil"):
            workspace.roles.grant("approver", f"user:{who}", "they lead", OPERATOR)
        workspace.workflows.launch()
        yield Company(workspace, systems)
    finally:
        workspace.close()
        systems.close()


def test_a_customer_gets_back_what_they_asked_for_and_a_reply(company: Company) -> None:
    run = company.start("customer-case", {"mail": "mail_seed1"}, "bob")
    refund = company.waiting("refund_order", "niaj")
    assert refund.bound.arguments["amount"] == "75.00" and refund.bound.arguments["order"] == "M-1003"
    company.approve(refund, "niaj")
    reply = company.waiting("send_mail", "niaj")
    assert reply.bound.arguments["to"] == ["rosa.m@post.example"]
    company.approve(reply, "niaj")
    assert company.result(run)["state"] == "done"
    [paid] = company.systems.rows("SELECT * FROM refunds WHERE order_id = 'M-1003'")
    assert paid["made_by"] == "bob"
    assert len(company.systems.effects()) == 2


def test_a_hostile_mail_gets_nothing(company: Company) -> None:
    run = company.start("customer-case", {"mail": "mail_seed2"}, "bob")
    assert company.result(run)["state"] == "for a person"
    assert company.systems.effects() == []


def test_the_systems_own_limits_hold_whoever_approves(company: Company) -> None:
    purchase = {
        "supplier": "Potting Supplies",
        "item": "forty drums of resin R-20",
        "amount": "8400.00",
        "currency": "EUR",
        "cost_centre": "OPS-1",
    }
    refused = company.start("purchase-request", {**purchase, "amount": "12000.00"}, "ivan")
    run = company.start("purchase-request", purchase, "ivan")
    for _ in range(2):
        made = company.waiting("request_purchase", "carol")
        assert company.approve(made, "carol").state == "waiting"
        company.approve(made, "grace")
    assert company.result(run)["state"] == "done"
    assert company.result(refused)["state"] == "failed"
    assert len(company.systems.effects()) == 1


def test_access_is_granted_for_a_while_and_taken_back(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_request, "SHORTEST", timedelta(seconds=1))
    run = company.start("access-request", {"user": "dave", "system": "orders", "for": "4s"}, "frank")
    company.approve(company.waiting("grant_access", "grace"), "grace")
    assert company.result(run)["state"] == "done"
    assert [one["operation"] for one in company.systems.effects()] == [
        "createAccessGrant",
        "revokeAccessGrant",
    ]
