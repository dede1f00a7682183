"""LK12: a title is as readable as what it can repeat; there are no summaries and no memories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attacks.talking import Company, talking
from tests.postgres import BOTH
from tests.simulators.web_client import Browser, bearer, client

from muniment.app import Workspace
from muniment.assistant.conversation import QUESTION_WITHHELD
from muniment.governance.audit.entry import Actor

pytestmark = BOTH

BY = Actor("user:alice", "test")


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Company]:
    with talking(make_workspace, tmp_path / "notes") as made:
        yield made


@pytest.fixture
def conversation(company: Company) -> str:
    made = company.talk(["heron", "tarn"])
    company.workspace.conversations.share(company.workspace.principal("alice"), made, "user:bob", BY)
    return made


def titles(company: Company, conversation: str, who: str) -> set[str]:
    """The title as each interface shows it."""
    headers, http = bearer(company.workspace, who), client(company.workspace)
    listed = http.get("/v1/conversations", headers=headers).json()["conversations"]
    alone = http.get(f"/v1/conversations/{conversation}", headers=headers).json()
    return {alone["title"], *(one["title"] for one in listed)}


def test_a_title_is_shown_to_another_who_may_read_the_first_turn(company: Company, conversation: str) -> None:
    made = f"What does the heron gauge read, asks {company.asked[0]}?"
    assert titles(company, conversation, "alice") == titles(company, conversation, "bob") == {made}
    rests_on = {topic for claim in company.cited(conversation)[0][1] for topic in claim}
    for topic in rests_on:
        company.let(topic, "alice")
        assert titles(company, conversation, "bob") == {QUESTION_WITHHELD}
        assert company.asked[0] not in Browser(company.workspace).sign_in("bob").http.get("/").text
        company.let(topic, "alice", "bob")
    company.let(rests_on.pop(), "bob")
    assert titles(company, conversation, "alice") == {made}, "an owner's own words"


def test_a_title_that_was_given_is_shown_to_another_who_may_read_every_turn(
    company: Company, conversation: str
) -> None:
    alice = company.workspace.principal("alice")
    company.workspace.conversations.rename(alice, conversation, "walnut", BY)
    assert titles(company, conversation, "bob") == {"walnut"}
    last = {topic for claim in company.cited(conversation)[1][1] for topic in claim}
    company.let(last.pop(), "alice")
    assert titles(company, conversation, "bob") == {QUESTION_WITHHELD}
    assert titles(company, conversation, "alice") == {"walnut"}
    bob = company.workspace.principal("bob")
    assert company.workspace.conversations.search(bob, "walnut", BY) == []
    assert company.workspace.conversations.search(bob, "withheld", BY) == []
