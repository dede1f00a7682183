"""What a program can do over HTTP with a bearer token."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators.web_client import bearer, client, document_id, kinds

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse


@pytest.fixture
def company(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


QUESTION = "How much is the on-call engineer paid for each weekend?"


def test_search_gives_each_caller_their_own_passages(company: Workspace) -> None:
    http = client(company)
    found = {
        who: http.post("/v1/search", json={"query": "on-call weekend"}, headers=bearer(company, who)).json()
        for who in ("alice", "bob")
    }
    assert [p["title"] for p in found["alice"]["passages"]] == ["On call"]
    assert set(found["alice"]["passages"][0]) == {
        "document", "title", "version", "chunk", "page", "span", "score", "text", "sensitivity", "twins", "why",
    }  # fmt: skip
    assert found["bob"]["passages"] == []
    assert found["alice"]["decision"]["principal"] == "user:alice"


def test_an_answer_comes_with_quotes_and_can_be_read_again(company: Workspace) -> None:
    http, alice = client(company), bearer(company, "alice")
    made = http.post("/v1/answers", json={"question": QUESTION}, headers=alice).json()
    assert made["status"] == "answered"
    assert "300 crowns" in made["citations"][0]["quote"]
    again = http.get(f"/v1/answers/{made['id']}", headers=alice).json()
    assert (again["answer"], again["question"]) == (made["answer"], QUESTION)
    lineage = http.get(f"/v1/answers/{made['id']}/lineage", headers=alice).json()
    assert lineage["lineage"]["model"] == "quotes"


def test_an_answer_streams_claim_by_claim(company: Workspace) -> None:
    headers = {**bearer(company, "alice"), "accept": "text/event-stream"}
    with client(company).stream("POST", "/v1/answers", json={"question": QUESTION}, headers=headers) as got:
        assert got.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in got.iter_lines() if line]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    bodies = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert (names[0], names[-1]) == ("started", "finished")
    assert "claim" in names
    assert bodies[0]["id"] == bodies[-1]["id"]


def test_a_stream_that_cannot_start_says_so_with_its_status(company: Workspace) -> None:
    headers = {**bearer(company, "alice"), "accept": "text/event-stream"}
    got = client(company).post("/v1/answers", json={"question": "why", "model": "absent"}, headers=headers)
    assert (got.status_code, got.headers["content-type"]) == (422, "application/problem+json")


def test_a_document_is_read_whole_by_slice_and_with_an_entry_in_the_log(company: Workspace) -> None:
    http, alice = client(company), bearer(company, "alice")
    path = f"/v1/documents/{document_id(company, 'engineering/oncall.md')}"
    about = http.get(path, headers=alice).json()
    assert (about["title"], about["path"], about["text"]) == ("On call", "engineering/oncall.md", None)
    whole = http.get(path, params={"start": 0}, headers=alice).json()
    assert len(whole["text"]) == about["characters"]
    part = http.get(path, params={"start": 2, "end": 9}, headers=alice).json()
    assert part["text"] == whole["text"][2:9]
    assert http.get(path, params={"start": 9, "end": 2}, headers=alice).status_code == 422
    assert kinds(company).count("document.read") == 4


def test_removal_from_a_group_holds_at_the_next_request(company: Workspace) -> None:
    http, alice = client(company), bearer(company, "alice")
    path = f"/v1/documents/{document_id(company, 'engineering/oncall.md')}"
    made = http.post("/v1/answers", json={"question": QUESTION}, headers=alice).json()
    company.directory.remove_member("platform", "alice", OPERATOR)
    assert http.get(path, headers=alice).status_code == 404
    again = http.get(f"/v1/answers/{made['id']}", headers=alice).json()
    assert (again["citations"], again["withheld"]) == ([], len(made["citations"]))
    assert "300" not in json.dumps(again)


def test_a_model_that_is_not_yours_looks_like_one_that_does_not_exist(
    make_workspace: Callable[..., Workspace],
) -> None:
    model = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "allowed_groups": ["sales"]}
    workspace = make_workspace(settings=parse({"models": {"house": model}}))
    http, alice, bob = client(workspace), bearer(workspace, "alice"), bearer(workspace, "bob")
    listed = {
        who: [m["id"] for m in http.get("/v1/models", headers=headers).json()["data"]]
        for who, headers in (("alice", alice), ("bob", bob))
    }
    assert listed == {"alice": ["quotes"], "bob": ["house", "quotes"]}
    told = [
        http.post("/v1/answers", json={"question": "why", "model": name}, headers=alice)
        for name in ("house", "absent")
    ]
    assert (told[0].status_code, told[0].content) == (told[1].status_code, told[1].content)


def test_health_needs_no_credential_and_readiness_fails_with_the_database(workspace: Workspace) -> None:
    http = client(workspace)
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ok"}
    workspace.close()
    workspace.database.inner.path.write_bytes(b"not a database at all" * 500)
    for extra in ("-wal", "-shm"):
        workspace.database.inner.path.with_name(workspace.database.inner.path.name + extra).unlink(
            missing_ok=True
        )
    broken = http.get("/readyz")
    assert broken.status_code == 503
    assert str(workspace.home) not in broken.text


def test_the_description_names_every_route_and_loads_nothing(workspace: Workspace) -> None:
    http = client(workspace)
    described = http.get("/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/search", "/v1/answers", "/v1/answers/{answer_id}", "/v1/answers/{answer_id}/lineage",
        "/v1/documents/{document_id}", "/v1/models", "/v1/models/{model_id}", "/v1/chat/completions",
        "/v1/token", "/v1/feedback", "/healthz", "/readyz", "/metrics", "/v1/conversations",
        "/v1/conversations/search",
        "/v1/conversations/{conversation_id}", "/v1/conversations/{conversation_id}/shares",
        "/v1/conversations/{conversation_id}/shares/{subject_id}", "/v1/tools", "/v1/tools/{tool_id}",
        "/v1/actions", "/v1/actions/stops", "/v1/actions/stops/{stop_id}/end", "/v1/actions/{action_id}",
        "/v1/actions/{action_id}/undo", "/v1/actions/{action_id}/withdraw", "/v1/approvals",
        "/v1/approvals/batch", "/v1/approvals/delegations", "/v1/approvals/delegations/{delegation_id}",
        "/v1/approvals/{approval_id}", "/v1/approvals/{approval_id}/approve",
        "/v1/approvals/{approval_id}/reject", "/v1/agent", "/v1/workflows", "/v1/workflows/{run_id}",
        "/v1/workflows/{run_id}/cancel", "/v1/workflows/{run_id}/resume",
        "/v1/answers/{answer_id}/replay", "/v1/answers/{answer_id}/diff/{other_id}", "/v1/audit/entries",
        "/v1/audit/entries/{entry_id}/proof", "/v1/audit/checkpoint", "/v1/audit/consistency/{old_size}",
        "/v1/audit/witness", "/v1/incidents", "/v1/incidents/{incident_id}",
        "/v1/incidents/{incident_id}/freeze", "/v1/incidents/{incident_id}/thaw",
        "/v1/incidents/{incident_id}/close", "/v1/sources",
        "/v1/sources/{source_id}/notifications", "/v1/evaluations", "/v1/evaluations/{evaluation_id}",
        "/v1/evaluations/{evaluation_id}/comparison",
    }  # fmt: skip
    assert http.get("/docs").status_code == 404
