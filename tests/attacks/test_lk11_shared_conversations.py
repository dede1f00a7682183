"""LK11: in a shared conversation the viewer's rights decide, turn by turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.talking import TOPICS, Company, found_by, surfaces, talking
from tests.postgres import BOTH
from tests.simulators.web_client import Browser, bearer, client, observable

from muniment.app import Workspace
from muniment.foundation.errors import NotFound
from muniment.governance.audit.entry import Actor

pytestmark = BOTH

BY = Actor("user:alice", "test")
ROUNDS = 3


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Company]:
    with talking(make_workspace, tmp_path / "notes") as made:
        yield made


def share(company: Company, conversation: str, subject: str = "user:bob") -> None:
    company.workspace.conversations.share(company.workspace.principal("alice"), conversation, subject, BY)


def test_a_viewer_sees_of_every_turn_what_they_may_read_themselves(company: Company) -> None:
    chance = random.Random(12)
    conversation = company.talk(list(TOPICS))
    share(company, conversation)
    told: set[frozenset[str]] = set()
    for _ in range(ROUNDS):
        company.shuffle(chance)
        allowed = company.words_for(conversation, "bob")
        told.add(frozenset(allowed))
        for name, shown in surfaces(company, conversation, "bob").items():
            assert company.seen_in(shown) == allowed, name
        for word in company.all_words():
            assert bool(found_by(company, word, "bob")) == (word in allowed), word
    assert len(told) > 1


def test_what_is_asked_after_a_hidden_turn_may_repeat_it_and_stays_shut(company: Company) -> None:
    company.let("heron", "alice")
    conversation = company.talk(["heron", "tarn"])
    share(company, conversation)
    seen = surfaces(company, conversation, "bob")["document"]
    assert not company.seen_in(seen) & set(company.asked)
    company.let("heron", "alice", "bob")
    seen = surfaces(company, conversation, "bob")["document"]
    assert set(company.asked) <= company.seen_in(seen)


def test_a_share_is_felt_and_taken_back_from_the_next_request(company: Company) -> None:
    conversation = company.talk(["heron"])
    http, bob = client(company.workspace), bearer(company.workspace, "bob")
    alice = bearer(company.workspace, "alice")
    place = f"/v1/conversations/{conversation}"

    def status() -> tuple[int, int]:
        listed = http.get("/v1/conversations", headers=bob).json()["conversations"]
        return http.get(place, headers=bob).status_code, len(listed)

    for subject in ("user:bob", "group:sales", "group:everyone"):
        assert status() == (404, 0)
        assert http.post(f"{place}/shares", json={"subject": subject}, headers=alice).json() == {
            "shares": [subject]
        }
        assert status() == (200, 1)
        assert http.delete(f"{place}/shares/{subject}", headers=alice).json() == {"shares": []}
    assert status() == (404, 0)
    http.post(f"{place}/shares", json={"subject": "group:engineering"}, headers=alice)
    assert status() == (404, 0)


def test_an_absent_and_a_forbidden_conversation_look_the_same(company: Company) -> None:
    theirs = company.talk(["heron"])
    shared = company.talk(["tarn"])
    share(company, shared)
    http, bob = client(company.workspace), bearer(company.workspace, "bob")
    page = Browser(company.workspace).sign_in("bob").http
    absent = (theirs[:-1] + ("a" if theirs[-1] != "a" else "b"), "x", "%00")
    asked = {"question": "What does it read?"}

    def tries(one: str) -> list[Any]:
        place = f"/v1/conversations/{one}"
        made = [
            http.patch(place, json={"title": "Mine"}, headers=bob),
            http.delete(place, headers=bob),
            http.get(f"{place}/shares", headers=bob),
            http.post(f"{place}/shares", json={"subject": "user:bob"}, headers=bob),
            http.delete(f"{place}/shares/user:bob", headers=bob),
        ]
        if one != "%00":
            made.append(http.post("/v1/answers", json={**asked, "conversation": one}, headers=bob))
        return made

    for reading in (http, page):
        place = "/v1/conversations" if reading is http else "/conversations"
        seen = [observable(reading.get(f"{place}/{one}", headers=bob)) for one in (theirs, *absent)]
        assert seen[0][0] == 404 and all(one == seen[0] for one in seen)
    # What is shared may be read, and is its owner's alone to change or to go on with.
    refused = [observable(one) for conversation in (theirs, shared, *absent) for one in tries(conversation)]
    assert refused[0][0] == 404 and all(one == refused[0] for one in refused)
    entries = company.workspace.audit.query(kind="conversation.refused", limit=100)
    assert {e.about["asked"] for e in entries} == {"renamed", "deleted", "shared", "unshared", "continued"}


def test_a_viewer_whose_account_is_switched_off_sees_nothing(company: Company, tmp_path: Path) -> None:
    conversation = company.talk(["heron"])
    share(company, conversation)
    workspace, bob = company.workspace, bearer(company.workspace, "bob")
    (tmp_path / "fewer.toml").write_text("[users.alice]\ngroups = []\n")
    from muniment.governance.identity.principal import OPERATOR

    workspace.directory.import_file(tmp_path / "fewer.toml", OPERATOR)
    assert client(workspace).get(f"/v1/conversations/{conversation}", headers=bob).status_code == 401
    assert workspace.conversations.read(workspace.principal("alice"), conversation, BY).turns


def test_an_owner_who_may_not_ask_any_more_reads_no_conversation(company: Company) -> None:
    from muniment.governance.identity.principal import OPERATOR

    conversation = company.talk(["heron"])
    company.workspace.roles.grant("operator", "alice", "runs it", OPERATOR)
    headers = bearer(company.workspace, "alice")
    got = client(company.workspace).get(f"/v1/conversations/{conversation}", headers=headers)
    assert got.status_code == 403
    assert not company.seen_in(got.text)
    with pytest.raises(NotFound):
        company.workspace.conversations.read(company.workspace.principal("bob"), conversation, BY)
