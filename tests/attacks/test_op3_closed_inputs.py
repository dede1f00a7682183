"""OP3: input models forbid extra fields, and what does not fit is told without being echoed."""

from __future__ import annotations

import pytest
from tests.simulators.web_client import Browser, bearer, client

from muniment.app import Workspace
from muniment.interfaces.boundary import LONGEST_BODY

CANARY = "walnut-canary"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/search", {"query": "x", "principal": CANARY}),
        ("/v1/search", {"query": "x", "as": CANARY}),
        ("/v1/search", {"query": "x", "k": CANARY}),
        ("/v1/search", {"query": "x", "k": 0}),
        ("/v1/search", {"query": "x", "k": 10**30}),
        ("/v1/search", {"query": [CANARY]}),
        ("/v1/search", {"query": "x", "filters": {"owner": CANARY}}),
        ("/v1/answers", {"question": "x", "id": CANARY}),
        ("/v1/answers", {"question": "x", "grants": [CANARY]}),
        ("/v1/answers", {"question": "x" * 2001}),
        ("/v1/answers", {"question": ""}),
        ("/v1/answers", [CANARY]),
        ("/v1/answers/x/replay", {"ask": True, "as_of": CANARY}),
        ("/v1/feedback", {"answer": "x", "useful": True, "principal": CANARY}),
        ("/v1/feedback", {"answer": "x", "useful": CANARY}),
        ("/v1/answers", CANARY),
        ("/v1/answers", {"question": "x", "conversation": [CANARY]}),
        ("/v1/conversations", {"title": "x", "owner": CANARY}),
        ("/v1/conversations", {"title": "x" * 201}),
        ("/v1/conversations/search", {"words": "x", "as": CANARY}),
        ("/v1/conversations/search", {"words": ""}),
        ("/v1/conversations/x/shares", {"subject": [CANARY]}),
        ("/v1/agent", {"task": "x", "as": CANARY}),
        ("/v1/workflows", {"workflow": "x", "given": {}, "requester": CANARY}),
        ("/v1/workflows", {"workflow": "x", "given": CANARY}),
        ("/v1/actions", {"tool": "x", "arguments": {}, "approved_by": CANARY}),
        ("/v1/actions", {"tool": "x", "arguments": CANARY}),
        ("/v1/approvals/x/approve", {"digest": "x", "ticket": "x", "as": CANARY}),
        ("/v1/approvals/batch", {"decisions": CANARY}),
        ("/v1/incidents/x/freeze", {"kind": CANARY, "name": "x", "reason": "x"}),
        ("/v1/incidents/x/thaw", {"kind": "user", "name": "x", "reason": "x", "as": CANARY}),
        ("/v1/incidents/x/close", {"outcome": "x", "thaw": CANARY}),
        ("/v1/approvals/batch", {"decisions": [], "all": CANARY}),
    ],
)
def test_a_field_that_does_not_belong_is_refused_and_not_echoed(
    workspace: Workspace, path: str, body: object
) -> None:
    got = client(workspace).post(path, json=body, headers=bearer(workspace, "alice"))
    assert (got.status_code, got.headers["content-type"]) == (422, "application/problem+json")
    assert CANARY not in got.text


@pytest.mark.parametrize(("k", "status"), [(10.0, 200), (10, 200), (10.5, 422), (True, 422), ("10", 422)])
def test_a_whole_number_may_be_written_as_json_schema_lets_it_be(
    workspace: Workspace, k: object, status: int
) -> None:
    sent = {"query": "x", "k": k}
    got = client(workspace).post("/v1/search", json=sent, headers=bearer(workspace, "alice"))
    assert got.status_code == status


def test_forms_take_only_their_own_fields_once(workspace: Workspace) -> None:
    alice = Browser(workspace).sign_in("alice")
    csrf = alice.csrf
    assert alice.post("/ask", csrf=csrf, question="x", principal="user:bob").status_code == 422
    twice = f"csrf={csrf}&question=a&question=b"
    form = {"origin": "http://localhost", "content-type": "application/x-www-form-urlencoded"}
    assert alice.http.post("/ask", content=twice, headers=form).status_code == 422
    assert (
        alice.http.post(
            "/ask", json={"csrf": csrf, "question": "a"}, headers=form | {"content-type": "application/json"}
        ).status_code
        == 422
    )


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"query":', b"[" * 20_000])
def test_a_body_that_is_no_json_is_refused(workspace: Workspace, body: bytes) -> None:
    headers = {**bearer(workspace, "alice"), "content-type": "application/json"}
    got = client(workspace).post("/v1/search", content=body, headers=headers)
    assert got.status_code in (400, 422)
    assert got.headers["content-type"] == "application/problem+json"


def test_a_large_body_is_refused_with_and_without_a_stated_length(workspace: Workspace) -> None:
    http = client(workspace)
    headers = {**bearer(workspace, "alice"), "content-type": "application/json"}
    large = b'{"query": "' + b"x" * LONGEST_BODY + b'"}'
    assert http.post("/v1/search", content=large, headers=headers).status_code == 413
    chunks = iter([large[:1000], large[1000:]])
    assert http.post("/v1/search", content=chunks, headers=headers).status_code == 413


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"value": ["' + CANARY.encode() + b'"]}', b""])
def test_a_call_of_a_source_may_hold_anything_and_none_of_it_comes_back(
    workspace: Workspace, body: bytes
) -> None:
    headers = {"content-type": "application/json", "x-walnut": CANARY}
    path = f"/v1/sources/x/notifications?validationToken={CANARY}"
    got = client(workspace).post(path, content=body, headers=headers)
    assert (got.status_code, got.headers["content-type"]) == (404, "application/problem+json")
    assert CANARY not in got.text
