"""The sample company's manifests do in its systems of record what they say, each call with a token of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.simulators.acme_systems import ISSUER, AcmeSystems

from muniment.actions.arguments import canonical_arguments
from muniment.actions.importing import changed_operations, import_openapi
from muniment.actions.labels import Integrity, Label
from muniment.actions.manifest import HttpOperation, Manifest
from muniment.actions.manifest_file import read_manifest
from muniment.actions.manifest_folder import manifest_texts
from muniment.actions.reading import reading
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.checked import run_checked
from muniment.actions.runners.credentials import CallCredentials
from muniment.actions.runners.http_operation import HttpOperationRunner
from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress
from muniment.foundation.ids import Ids
from muniment.foundation.keys import PURPOSES, Keyring
from muniment.governance.identity.directory_file import read_directory_file

ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"
REFUND = {"order": "M-1003", "amount": "75.00", "currency": "EUR", "reason": "A bent bracket"}
MAIL = {"to": ["rosa.m@post.example"], "subject": "Your order", "body": "It is on its way."}
ENTRY = {
    "start": "2027-01-11T09:00:00Z",
    "end": "2027-01-11T10:00:00Z",
    "title": "Brackets",
    "attendees": ["niaj"],
    "location": "Room 2",
}
PURCHASE = {
    "supplier": "Potting Supplies",
    "item": "Resin",
    "amount": "400.00",
    "currency": "EUR",
    "cost_centre": "OPS-210",
}


class Company:
    """The running systems and the tools that reach them."""

    def __init__(self, systems: AcmeSystems, runner: HttpOperationRunner) -> None:
        self.systems = systems
        self.runner = runner
        texts = manifest_texts(ACME / "tools", {"systems": systems.url})
        self.tools = {made.name: made for made in map(read_manifest, texts)}

    def run(self, who: str, tool: str, arguments: Mapping[str, object] | None = None, **more: Any) -> Any:
        manifest = self.tools[tool]
        given = canonical_arguments(manifest, arguments or {})
        key = more.pop("key", Ids().new("key"))
        return run_checked(self.runner, ToolCall(manifest, given, f"user:{who}", key, **more))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    keyring = Keyring("acme", {purpose: b"k" * 32 for purpose in PURPOSES}, Ids())
    credentials = CallCredentials(keyring, ISSUER, Clock(), Ids())
    systems = AcmeSystems(tmp_path_factory.mktemp("systems"), jwks={"keys": [credentials.public_jwk()]})
    systems.start()
    try:
        egress = Egress({systems.url}, purpose="tools")
        yield Company(systems, HttpOperationRunner(egress, credentials))
    finally:
        systems.close()


@pytest.fixture
def company(running: Company) -> Company:
    running.systems.reset()
    return running


def undone(company: Company, who: str, manifest: Manifest, result: Mapping[str, Any]) -> Any:
    """Carry out what a manifest says takes an effect back."""
    assert manifest.undo is not None
    arguments = {name: result["id"] for name in manifest.undo.arguments}
    return company.run(who, manifest.undo.tool, arguments)


def test_every_tool_states_an_operation_as_the_document_states_it(company: Company) -> None:
    document = httpx2.get(f"{company.systems.url}/openapi.json", trust_env=False).text
    assert changed_operations(document, company.tools.values()) == []
    assert all(isinstance(one.runs, HttpOperation) and one.runs.definition for one in company.tools.values())
    for draft in import_openapi(document, company.systems.url):
        assert draft.missing[:4] == ("effect", "reversible", "sensitivity", "allowed_groups")


def test_every_group_that_may_use_a_tool_exists(company: Company) -> None:
    groups = {f"group:{name}" for name in read_directory_file(ACME / "directory.toml").groups}
    for one in company.tools.values():
        assert one.allowed_groups and one.allowed_groups <= groups | {"group:everyone"}, one.name


@pytest.mark.parametrize(
    ("who", "tool", "arguments"),
    [
        ("bob", "orders_list", {}),
        ("bob", "orders_list", {"customer": "rosa", "state": "delivered", "limit": 5}),
        ("bob", "orders_get", {"order_id": "M-1003"}),
        ("bob", "mail_search", {"search": "bracket & bent?", "folder": "inbox"}),
        ("bob", "mail_get", {"mail_id": "mail_seed1"}),
        ("bob", "drafts_list", {}),
        ("niaj", "calendar_list", {"from": "2026-12-01T00:00:00+01:00", "to": "2026-12-02T00:00:00Z"}),
        ("frank", "grants_list", {}),
    ],
)
def test_a_reading_tool_gives_what_its_manifest_says(
    company: Company, who: str, tool: str, arguments: dict[str, Any]
) -> None:
    assert company.run(who, tool, arguments) is not None
    assert company.systems.effects() == []


def test_a_refund_is_paid_for_the_version_that_was_read_and_taken_back(company: Company) -> None:
    order = company.run("bob", "orders_get", {"order_id": "M-1003"})
    refund = company.run("bob", "refund_order", REFUND, version=str(order["version"]), key="sha256:one")
    assert (refund["state"], refund["amount"]) == ("paid", "75.00")
    assert company.run("bob", "refunds_get", {"refund_id": refund["id"]}) == refund
    with pytest.raises(ToolFailed) as caught:
        company.run("bob", "refund_order", REFUND | {"amount": "1.00"}, version=str(order["version"]))
    assert (caught.value.why, caught.value.certain) == ("changed", True)
    assert undone(company, "bob", company.tools["refund_order"], refund)["state"] == "cancelled"
    assert [row["operation"] for row in company.systems.effects()] == ["createRefund", "cancelRefund"]


def test_the_same_key_has_one_effect(company: Company) -> None:
    first, again = (company.run("bob", "send_mail", MAIL, key="sha256:one") for _ in range(2))
    assert first == again and len(company.systems.effects(key="sha256:one")) == 1


def test_a_dry_run_says_what_would_happen_and_changes_nothing(company: Company) -> None:
    order = company.run("bob", "orders_get", {"order_id": "M-1003"})
    said = company.run("bob", "refund_order", REFUND, version=str(order["version"]), dry_run=True)
    assert "75.00 EUR" in said["summary"] and company.systems.effects() == []


def test_a_system_refuses_what_a_person_may_not_do_there(company: Company) -> None:
    for who, tool, arguments in (
        ("alice", "orders_get", {"order_id": "M-1003"}),
        ("bob", "mail_get", {"mail_id": "mail_seed4"}),
        ("bob", "grant_access", {"user": "bob", "system": "orders", "until": "2027-01-01T00:00:00Z"}),
    ):
        with pytest.raises(ToolFailed) as caught:
            company.run(who, tool, arguments)
        assert (caught.value.why, caught.value.certain) == ("refused", True)
    assert company.systems.effects() == []


@pytest.mark.parametrize(
    ("who", "tool", "arguments"),
    [("bob", "draft_mail", MAIL), ("bob", "create_entry", ENTRY), ("ivan", "request_purchase", PURCHASE)],
)
def test_an_acting_tool_acts_once_and_is_undone_where_it_says_so(
    company: Company, who: str, tool: str, arguments: dict[str, Any]
) -> None:
    result = company.run(who, tool, arguments)
    assert len(company.systems.effects()) == 1
    if company.tools[tool].reversible == "by-tool":
        assert undone(company, who, company.tools[tool], result)["state"] == "cancelled"


def test_access_is_granted_and_revoked_as_it_was_read(company: Company) -> None:
    until = (datetime.now(UTC) + timedelta(days=5)).isoformat(timespec="seconds")
    made = company.run("frank", "grant_access", {"user": "alice", "system": "orders", "until": until})
    assert company.run("alice", "orders_get", {"order_id": "M-1003"})
    held = company.run("frank", "grants_get", {"grant_id": made["id"]})
    revoked = company.run("frank", "revoke_access", {"grant_id": made["id"]}, version=str(held["version"]))
    assert revoked["state"] == "revoked"
    with pytest.raises(ToolFailed):
        company.run("alice", "orders_get", {"order_id": "M-1003"})


def test_what_others_wrote_is_labelled_as_theirs(company: Company) -> None:
    order = company.run("bob", "orders_get", {"order_id": "M-1003"})
    labelled = reading(company.tools["orders_get"], "user:bob", order, Label())
    system = {"id", "total", "state", "lines[].total", "refunded"}
    for place in (*system, "note", "customer.name", "customer.email"):
        expected = Integrity.SYSTEM if place in system else Integrity.UNTRUSTED
        assert labelled.of("x", place).integrity == expected, place
    mail = company.run("bob", "mail_get", {"mail_id": "mail_seed2"})
    labelled = reading(company.tools["mail_get"], "user:bob", mail, Label())
    for place in ("subject", "body", "sender", "to[]"):
        assert labelled.of("x", place).integrity == Integrity.UNTRUSTED
    assert labelled.of("x", "id").integrity == Integrity.SYSTEM
