"""Conversations from the command line and over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.journeys.command import Command, write_documents
from tests.simulators.web_client import Browser, bearer, client

from muniment.app import Workspace
from muniment.assistant.lineage import WITHHELD, answer

FIRST = "How much is the on-call engineer paid for each weekend?"
SECOND = "And where is the key ceremony held?"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    base = tmp_path_factory.mktemp("conversations")
    made = Command(base / "home").with_people()
    write_documents(base / "documents")
    assert made("ingest", base / "documents", "--source", "papers").code == 0
    return made


@pytest.fixture(scope="module")
def conversation(command: Command) -> str:
    made = command("ask", FIRST, "--as", "alice", "--conversation", "new", "--json").document
    again = command("ask", SECOND, "--as", "alice", "--conversation", made["conversation"], "--json")
    assert again.document["conversation"] == made["conversation"]
    assert "300 crowns" in made["answer"] and "walnut" in again.document["answer"]
    return made["conversation"]


def test_a_conversation_is_begun_gone_on_with_and_shown(command: Command, conversation: str) -> None:
    listed = command("conversations", "list", "--as", "alice", "--json").document["conversations"]
    assert [(one["id"], one["title"], one["mine"]) for one in listed] == [(conversation, FIRST, True)]
    whole = command("conversations", "show", conversation, "--as", "alice", "--json").document
    assert [turn["question"] for turn in whole["turns"]] == [FIRST, SECOND]
    shown = command("conversations", "show", conversation, "--as", "alice").out
    assert "1. How much" in shown and "300 crowns" in shown and "On call" in shown
    follow_up = command("ask", "And on weekdays?", "--as", "alice", "--conversation", conversation)
    assert "Answered as: And where is the key ceremony held" in " ".join(follow_up.out.split())
    assert f"--conversation {conversation}" in " ".join(follow_up.out.split())


def test_it_is_found_renamed_and_shared(command: Command, conversation: str) -> None:
    hits = command("conversations", "search", "walnut", "--as", "alice", "--json").document["hits"]
    assert [(one["conversation"]["id"], one["turn"]) for one in hits] == [(conversation, 2)]
    assert "Nothing found" in command("conversations", "search", "walnut", "--as", "bob").out
    assert command("conversations", "rename", conversation, "On  call", "--as", "alice").code == 0
    [one] = command("conversations", "list", "--as", "alice", "--json").document["conversations"]
    assert one["title"] == "On call"
    assert command("conversations", "show", conversation, "--as", "bob").code == 1
    unknown = command("conversations", "share", conversation, "--with", "group:no", "--as", "alice")
    assert (unknown.code, "group:no" in unknown.line) == (2, True)
    assert command("conversations", "share", conversation, "--with", "user:bob", "--as", "alice").code == 0
    seen = command("conversations", "show", conversation, "--as", "bob", "--json").document
    assert [turn["answer"] for turn in seen["turns"]][:2] == [WITHHELD, WITHHELD]
    assert "crowns" not in json.dumps(seen) and "walnut" not in json.dumps(seen)
    assert command("conversations", "rename", conversation, "Mine", "--as", "bob").code == 1
    command("conversations", "unshare", conversation, "--with", "user:bob", "--as", "alice")
    assert command("conversations", "show", conversation, "--as", "bob").code == 1


def test_it_is_written_down_with_its_evidence(command: Command, conversation: str, tmp_path: Path) -> None:
    file = tmp_path / "talk.md"
    assert command("conversations", "export", conversation, "--to", file, "--as", "alice").code == 0
    text = file.read_text()
    assert text.startswith("# ") and f"## 1. {FIRST}" in text and "300 crowns" in text
    assert file.stat().st_mode & 0o777 == 0o600
    assert command("conversations", "export", conversation, "--to", file, "--as", "alice").code == 2
    out = command("conversations", "export", conversation, "--format", "json", "--as", "alice").document
    assert out["id"] == conversation and len(out["turns"]) >= 2


def test_it_is_deleted_with_its_answers(command: Command) -> None:
    made = command("ask", FIRST, "--as", "alice", "--conversation", "new", "--json").document
    assert command("conversations", "delete", made["conversation"], "--as", "bob").code == 1
    assert command("conversations", "delete", made["conversation"], "--as", "alice").code == 0
    assert command("conversations", "show", made["conversation"], "--as", "alice").code == 1
    assert command("explain", made["id"], "--as", "alice").code == 1
    assert command("audit", "verify").code == 0


def test_http_goes_on_with_a_conversation_whole_and_as_a_stream(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    http, alice = client(workspace), bearer(workspace, "alice")
    begun: Any = http.post("/v1/conversations", json={}, headers=alice).json()
    asked = {"question": FIRST, "conversation": begun["id"]}
    made = http.post("/v1/answers", json=asked, headers=alice).json()
    assert made["conversation"] == begun["id"] and "standalone" not in made
    asked["question"] = "And for each weekday?"
    streamed = http.post("/v1/answers", json=asked, headers={**alice, "accept": "text/event-stream"}).text
    last = json.loads(streamed.rpartition("data: ")[2])
    assert last["conversation"] == begun["id"]
    assert last["standalone"] == "How much is the on-call engineer paid for each weekday?"
    whole = http.get(f"/v1/conversations/{begun['id']}", headers=alice).json()
    assert (whole["title"], [turn["number"] for turn in whole["turns"]]) == (FIRST, [1, 2])
    assert whole["turns"][1]["standalone"] == last["standalone"]
    new = http.post("/v1/answers", json={**asked, "conversation": "new"}, headers=alice).json()
    assert new["conversation"] not in ("new", begun["id"])
    assert "conversation" not in http.post("/v1/answers", json={"question": FIRST}, headers=alice).json()


def test_openai_clients_complete_follow_ups_from_the_users_own_messages(
    workspace: Workspace, folder: Path
) -> None:
    workspace.ingest(folder, "docs")
    said = [
        {"role": "user", "content": "When does the canteen open?"},
        {"role": "assistant", "content": "The key ceremony is held in the walnut room."},
        {"role": "user", "content": "And when does it close?"},
    ]
    http, alice = client(workspace), bearer(workspace, "alice")
    made = http.post("/v1/chat/completions", json={"model": "default", "messages": said}, headers=alice)
    assert "closes at three" in made.json()["choices"][0]["message"]["content"]
    with workspace.database.read() as connection:
        [kept] = connection.execute(sa.select(answer.c.question)).scalars()
    assert "canteen" in kept and "walnut" not in kept
    assert workspace.conversations.listing(workspace.principal("alice"), _by()) == []


def test_a_page_changes_nothing_without_its_own_form(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(folder, "docs")
    alice = Browser(workspace).sign_in("alice")
    alice.ask(FIRST)
    [one] = workspace.conversations.listing(workspace.principal("alice"), _by())
    place = f"/conversations/{one.id}"
    csrf = alice.csrf
    assert alice.post(f"{place}/title", csrf="wrong", title="Mine").status_code == 403
    assert alice.post(f"{place}/delete", csrf="wrong").status_code == 403
    assert alice.post(f"{place}/title", csrf=csrf, title=" ").status_code == 422
    assert alice.post(f"{place}/title", csrf=csrf, title='"><b>x').status_code == 303
    assert "&#34;&gt;&lt;b&gt;x" in alice.http.get(place).text and "<b>x" not in alice.http.get("/").text
    assert f'href="{place}"' in alice.http.get("/conversations").text
    hit = alice.post("/conversations/search", csrf=csrf, words="crowns weekend").text
    assert f'href="{place}"' in hit and "300 crowns" in hit
    none = alice.post("/conversations/search", csrf=csrf, words="<i>walnut").text
    assert "stand nowhere" in none and "<i>walnut" not in none
    assert alice.post("/conversations/search", csrf="wrong", words="crowns").status_code == 403
    followed = alice.post("/ask", csrf=csrf, question="And for each weekday?", conversation=one.id)
    page = alice.http.get(followed.headers["location"]).text
    assert "Earlier in this conversation" in page and "Answered as: How much" in page
    assert alice.post("/ask", csrf=csrf, question=FIRST, conversation="conv_none").status_code == 404
    assert alice.post(f"{place}/delete", csrf=csrf).headers["location"] == "/"
    assert alice.http.get(place).status_code == 404


def _by() -> Any:
    from muniment.governance.audit.entry import Actor

    return Actor("user:alice", "test")
