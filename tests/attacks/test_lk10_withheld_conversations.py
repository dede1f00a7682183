"""LK10: a stored message whose evidence is not readable any more is withheld, and never fed to a model again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.attacks.talking import TOPICS, Company, found_by, marker, surfaces, talking
from tests.postgres import BOTH
from tests.simulators.web_client import bearer, client

from muniment.app import Workspace
from muniment.assistant.lineage import WITHHELD
from muniment.governance.audit.entry import Actor

BY = Actor("user:alice", "test")
ROUNDS = 3


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Company]:
    with talking(make_workspace, tmp_path / "notes") as made:
        yield made


@BOTH
def test_an_owner_sees_of_every_turn_what_they_may_read_now(company: Company) -> None:
    chance = random.Random(10)
    conversation = company.talk(list(TOPICS))
    for _ in range(ROUNDS):
        company.shuffle(chance)
        allowed = company.words_for(conversation, "alice")
        for name, shown in surfaces(company, conversation, "alice").items():
            assert company.seen_in(shown) == allowed, name
            opened = company.open_turns(conversation, "alice")
            assert shown.count(WITHHELD) == opened.count(False), name
        for word in company.all_words():
            assert bool(found_by(company, word, "alice")) == (word in allowed), word


@pytest.mark.parametrize("follow_ups", ["rules", "model"])
def test_no_prompt_holds_a_word_of_a_withheld_turn(
    make_workspace: Callable[..., Workspace], tmp_path: Path, follow_ups: str
) -> None:
    with talking(make_workspace, tmp_path / "notes", follow_ups) as company:
        _ask_while_access_changes(company)


def _ask_while_access_changes(company: Company) -> None:
    chance = random.Random(11)
    conversation = company.talk(list(TOPICS))
    carried = 0
    for follow_up in ("How high is it?", "And at night?", "Why?", "What about them?") * 2:
        company.shuffle(chance)
        opened = company.open_turns(conversation, "alice")
        turns = company.cited(conversation)
        shut = {
            word
            for (asked, _), is_open in zip(turns, opened, strict=True)
            if not is_open
            for word in company.asked
            if word in asked
        }
        hidden = {marker(topic) for topic in TOPICS if "alice" not in company.readers[topic]}
        company.server.bodies.clear()
        company.ask(conversation, follow_up)
        sent = b"".join(company.server.bodies).decode()
        assert {word for word in shut | hidden if word in sent} == set(), follow_up
        carried += any(word in sent for word in company.asked)
    assert carried > 2


@BOTH
def test_a_revoked_turn_completes_no_follow_up_from_the_next_request(company: Company) -> None:
    conversation = company.talk(["heron"])
    assert "heron" in company.ask(conversation, "How high is it?").standalone
    company.let("heron")
    assert company.ask(conversation, "How high is it?").standalone == ""


def test_a_conversation_outlives_its_documents_and_can_be_deleted(company: Company, tmp_path: Path) -> None:
    conversation = company.talk(["heron", "tarn"])
    shutil.rmtree(tmp_path / "notes")
    (tmp_path / "notes").mkdir()
    company.workspace.ingest(tmp_path / "notes", "notes")
    alice = company.workspace.principal("alice")
    whole = company.workspace.conversations.read(alice, conversation, BY)
    assert [(turn.answer, turn.withheld) for turn in whole.turns] == [(WITHHELD, True)] * 2
    assert not whole.turns[0].citations
    company.workspace.conversations.delete(alice, conversation, BY)
    assert company.workspace.conversations.listing(alice, BY) == []


def words_at_rest(workspace: Workspace, word: str) -> set[str]:
    """The tables that hold a word."""
    with workspace.database.read() as connection:
        names = sa.inspect(connection).get_table_names()
        return {
            name
            for name in names
            for row in connection.execute(sa.select(sa.text("*")).select_from(sa.table(name)))
            if any(word in str(value) for value in row)
        }


@BOTH
def test_deleting_leaves_no_word_in_the_database(company: Company, kept_in: str) -> None:
    workspace = company.workspace
    conversation = company.talk(["heron", "tarn"])
    kept = company.talk(["sedge"])
    word = company.asked[0]
    answers = [row["answer_id"] for row in read_over_http(company, conversation)["turns"]]
    http, alice = client(workspace), bearer(workspace, "alice")
    said = {"answer": answers[0], "useful": False, "reason": f"because {word}"}
    assert http.post("/v1/feedback", json=said, headers=alice).status_code == 200
    share = {"subject": "user:bob"}
    assert http.post(f"/v1/conversations/{conversation}/shares", json=share, headers=alice).status_code == 200
    assert words_at_rest(workspace, word) == {"answer", "conversation", "conversation_turn", "feedback"}
    assert http.delete(f"/v1/conversations/{conversation}", headers=alice).status_code == 204
    if kept_in == "file":
        with workspace.database.write() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    assert words_at_rest(workspace, word) == words_at_rest(workspace, conversation) - {"audit_entry"} == set()
    for answer_id in answers:
        assert http.get(f"/v1/answers/{answer_id}", headers=alice).status_code == 404
    assert http.get(f"/v1/conversations/{conversation}", headers=alice).status_code == 404
    assert len(read_over_http(company, kept)["turns"]) == 1
    [entry] = workspace.audit.query(kind="conversation.deleted")
    assert entry.about["answers"] == answers


def read_over_http(company: Company, conversation: str) -> dict:
    headers = bearer(company.workspace, "alice")
    return client(company.workspace).get(f"/v1/conversations/{conversation}", headers=headers).json()


def test_an_answer_that_is_under_way_does_not_outlive_its_conversation(company: Company) -> None:
    workspace = company.workspace
    conversation = company.talk(["heron"])
    alice = workspace.principal("alice")
    thread = workspace.dialogue.resume(alice, conversation, "What does the tarn gauge read, wqlate?", BY)
    events = workspace.dialogue.stream(alice, thread, BY)
    next(events)
    workspace.conversations.delete(alice, conversation, BY)
    with pytest.raises(Exception, match="no such conversation"):
        list(events)
    assert words_at_rest(workspace, "wqlate") == set()


def test_the_log_holds_no_word_of_a_conversation(company: Company) -> None:
    workspace = company.workspace
    conversation = company.talk(["heron"])
    alice = workspace.principal("alice")
    company.ask(conversation, "How high is it?")
    workspace.conversations.rename(alice, conversation, "Walnut title", BY)
    workspace.conversations.share(alice, conversation, "user:bob", BY)
    workspace.conversations.search(alice, "walnut words", BY)
    workspace.conversations.read(alice, conversation, BY, export=True)
    workspace.conversations.delete(alice, conversation, BY)
    log = workspace.audit.tail(1_000)
    assert not [e for e in log if company.seen_in(str(e.about)) or "alnut" in str(e.about)]
    kinds = [e.kind.removeprefix("conversation.") for e in log if e.kind.startswith("conversation.")]
    assert kinds == [
        "created", "continued", "continued", "renamed", "shared", "searched", "exported", "deleted",
    ]  # fmt: skip
