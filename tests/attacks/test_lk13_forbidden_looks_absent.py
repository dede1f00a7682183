"""LK13: an unknown and a forbidden thing give the same status, body and headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.postgres import BOTH
from tests.simulators.web_client import Browser, bearer, client, document_id, observable

from muniment.app import Workspace

pytestmark = BOTH

QUESTION = "How much is the on-call engineer paid for each weekend?"


@pytest.fixture
def company(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


@pytest.fixture
def hidden(company: Workspace) -> dict[str, list[str]]:
    """Return what bob may not see and what does not exist, by kind, in the same shapes."""
    forbidden = document_id(company, "engineering/oncall.md")
    denied = document_id(company, "attic/old.md")
    others = company.ask(QUESTION, "alice").id
    return {
        "documents": [
            forbidden,
            denied,
            forbidden[:-1] + ("a" if forbidden[-1] != "a" else "b"),
            "x",
            "%00",
            "é",
        ],
        "answers": [others, others[:-1] + ("a" if others[-1] != "a" else "b"), "x", "%00"],
    }


@pytest.mark.parametrize("query", ["", "?version=1", "?version=99", "?start=0&end=5", "?page=1"])
def test_documents_over_http(company: Workspace, hidden: dict[str, list[str]], query: str) -> None:
    http, bob = client(company), bearer(company, "bob")
    seen = [observable(http.get(f"/v1/documents/{one}{query}", headers=bob)) for one in hidden["documents"]]
    assert seen[0][0] == 404
    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize("tail", ["", "/lineage"])
def test_answers_over_http(company: Workspace, hidden: dict[str, list[str]], tail: str) -> None:
    http, bob = client(company), bearer(company, "bob")
    seen = [observable(http.get(f"/v1/answers/{one}{tail}", headers=bob)) for one in hidden["answers"]]
    assert seen[0][0] == 404
    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize(
    ("kind", "query"), [("documents", ""), ("documents", "?version=1&at=0-4"), ("answers", "")]
)
def test_pages(company: Workspace, hidden: dict[str, list[str]], kind: str, query: str) -> None:
    bob = Browser(company).sign_in("bob")
    seen = [observable(bob.http.get(f"/{kind}/{one}{query}")) for one in hidden[kind]]
    assert seen[0][0] == 404
    assert b"Nothing here" in seen[0][1]
    assert all(one == seen[0] for one in seen)


def test_a_version_that_never_was_looks_like_a_document_that_never_was(company: Workspace) -> None:
    http, alice = client(company), bearer(company, "alice")
    mine = document_id(company, "engineering/oncall.md")
    seen = [
        observable(http.get(path, headers=alice))
        for path in (f"/v1/documents/{mine}?version=7", "/v1/documents/doc_none?version=7", "/v1/nowhere")
    ]
    assert all(one == seen[0] for one in seen)
