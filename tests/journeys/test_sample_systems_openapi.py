"""What the sample company's systems say of themselves is valid, closed and what they do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from tests.simulators.acme_systems import AcmeSystems, acme_systems

OPERATIONS = {
    "listOrders": "orders:read",
    "getOrder": "orders:read",
    "createRefund": "refunds:write",
    "getRefund": "refunds:read",
    "cancelRefund": "refunds:write",
    "createPurchase": "purchases:write",
    "getPurchase": "purchases:read",
    "cancelPurchase": "purchases:write",
    "listMail": "mail:read",
    "getMail": "mail:read",
    "sendMail": "mail:send",
    "createDraft": "mail:draft",
    "listDrafts": "mail:read",
    "listEntries": "calendar:read",
    "createEntry": "calendar:write",
    "rescheduleEntry": "calendar:write",
    "cancelEntry": "calendar:write",
    "listAccessGrants": "access:read",
    "getAccessGrant": "access:read",
    "createAccessGrant": "access:grant",
    "revokeAccessGrant": "access:grant",
}
KNOWN = {
    "order_id": "M-1004",
    "refund_id": "refund_seed1",
    "mail_id": "mail_seed1",
    "entry_id": "entry_seed1",
}


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeSystems]:
    with acme_systems(tmp_path_factory.mktemp("systems")) as running:
        yield running


@pytest.fixture(scope="module")
def document(systems: AcmeSystems) -> dict[str, Any]:
    """Return the document, which needs no token."""
    return httpx2.get(f"{systems.url}/openapi.json", trust_env=False).json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_document_is_valid_openapi_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(document)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named == set(document["components"]["schemas"])


def test_every_operation_has_an_id_a_description_and_one_scope(document: dict[str, Any]) -> None:
    found = {each["operationId"]: each for _, _, each in operations(document)}
    assert {name: each["security"] for name, each in found.items()} == {
        name: [{"call-token": [scope]}] for name, scope in OPERATIONS.items()
    }
    assert len(list(operations(document))) == len(found)
    assert all(each["description"] for each in found.values())


def test_every_object_is_closed(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema["additionalProperties"] is False, name


def test_an_operation_needs_a_key_just_when_it_writes(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        given = {each["name"]: each["required"] for each in operation.get("parameters", [])}
        assert given.get("idempotency-key", False) == (method != "GET"), path
        assert ("dry_run" in given) == (method != "GET"), path


def test_what_the_document_does_not_name_is_refused(systems: AcmeSystems) -> None:
    mail = {"to": ["rosa.m@post.example"], "subject": "Hello", "body": ""}
    for method, scope, path, body in [
        ("GET", "orders:read", "/orders?owner=dave", None),
        ("GET", "orders:read", "/orders/M-1003?fields=note", None),
        ("GET", "orders:read", "/orders/M-1003", {}),
        ("GET", "mail:read", "/mail?owner=carol", None),
        ("POST", "mail:send", "/mail", mail | {"bcc": ["a@b.example"]}),
        ("POST", "mail:send", "/mail", mail | {"subject": "Hello\r\nBcc: a@b.example"}),
        ("POST", "mail:send", "/mail", mail | {"subject": "\ud800"}),
        ("POST", "mail:send", "/mail", mail | {"to": []}),
        ("POST", "mail:send", "/mail", mail | {"to": ["a@b.example, c@d.example"]}),
        ("POST", "mail:send", "/mail", [mail]),
        ("POST", "mail:send", "/mail", b'{"to": '),
        ("POST", "calendar:write", "/calendar/entry_seed3/cancel", {"force": True}),
        (
            "POST",
            "calendar:write",
            "/calendar/entry_seed3/reschedule",
            {"start": "2027-01-01", "end": "2027"},
        ),
    ]:
        answer = systems.call("bob", scope, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-input"), (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert systems.effects() == []


def test_a_method_or_path_that_is_not_there_is_a_problem_too(systems: AcmeSystems) -> None:
    for method, path, status in [("PUT", "/orders", 405), ("GET", "/none", 404), ("HEAD", "/orders/", 404)]:
        answer = systems.call("bob", "orders:read", method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_fits_the_document_gets_an_answer_that_the_document_describes(
    systems: AcmeSystems, document: dict[str, Any], name: str
) -> None:
    method, path, operation = next(each for each in operations(document) if each[2]["operationId"] == name)
    made = schemathesis.openapi.from_dict(document)[path][method].as_strategy()
    known = {"components": document["components"]}
    who = "frank" if name.endswith("AccessGrant") else "carol"

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(made, st.sampled_from(["", '"1"', '"2"', "*"]), st.booleans())
    def fits(case: Any, tag: str, exists: bool) -> None:
        places = case.path_parameters | KNOWN if exists else case.path_parameters
        target = re.sub(r"\{(\w+)\}", lambda found: quote(places[found[1]], safe=""), path)
        target += f"?{urlencode(case.query)}" if case.query else ""
        body = case.body if "requestBody" in operation else None
        headers = {"if-match": tag} if tag else {}
        answer = systems.call(who, OPERATIONS[name], method, target, body, headers=headers)
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, (answer.status_code, answer.text)
        kind = answer.headers["content-type"]
        jsonschema_rs.validate(described["content"][kind]["schema"] | known, answer.json())

    fits()
