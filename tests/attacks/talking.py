"""A company whose people talk: every document and every question holds a word that stands nowhere else, and a second
reading of who may see which, from the raw rows and the access that the test itself set."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.simulators.openai_server import Simulator, rewriting, serving
from tests.simulators.web_client import Browser, bearer, client

from muniment import settings
from muniment.app import Workspace
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR

TOPICS = ("heron", "tarn", "sedge", "pelican", "kestrel", "osprey")
PEOPLE = ("alice", "bob")


@dataclass
class Company:
    """A workspace with one document for each topic."""

    workspace: Workspace
    readers: dict[str, set[str]] = field(default_factory=dict)
    """By topic."""
    asked: list[str] = field(default_factory=list)
    """The words of questions, by turn."""
    server: Simulator = field(default_factory=Simulator)

    @classmethod
    def made(cls, workspace: Workspace, place: Path) -> Company:
        for topic in TOPICS:
            (place / topic).mkdir(parents=True)
            (place / topic / "access.toml").write_text('allow = ["group:everyone"]\n')
            (place / topic / "note.md").write_text(f"The {topic} gauge reads {marker(topic)} at noon.\n")
        workspace.ingest(place, "notes")
        return cls(workspace, {topic: set(PEOPLE) for topic in TOPICS})

    def let(self, topic: str, *names: str) -> None:
        self.workspace.access.set(
            f"notes/{topic}", [f"user:{one}" for one in names] or ["user:carol"], [], OPERATOR
        )
        self.readers[topic] = set(names)

    def shuffle(self, chance: random.Random) -> None:
        for topic in TOPICS:
            self.let(topic, *(one for one in PEOPLE if chance.random() < 0.6))

    def ask(self, conversation: str, question: str, who: str = "alice") -> Any:
        principal = self.workspace.principal(who)
        by = Actor(principal.ref, "test")
        thread = self.workspace.dialogue.resume(principal, conversation, question, by)
        *_, last = self.workspace.dialogue.stream(principal, thread, by)
        return last.answer

    def talk(self, topics: list[str]) -> str:
        """Let alice ask about these topics; return the conversation."""
        conversation = "new"
        for topic in topics:
            word = f"wq{len(self.asked):03d}"
            self.asked.append(word)
            conversation = self.ask(
                conversation, f"What does the {topic} gauge read, asks {word}?"
            ).conversation
        return conversation

    def cited(self, conversation: str) -> list[tuple[str, list[set[str]]]]:
        """Of each turn the question and the topics that each claim cites, from the raw rows."""
        with self.workspace.database.read() as connection:
            rows = connection.execute(
                sa.text(
                    "SELECT t.asked, a.answer FROM conversation_turn t JOIN answer a ON a.id = t.answer "
                    "WHERE t.conversation = :id ORDER BY t.number"
                ),
                {"id": conversation},
            ).all()
        return [(asked, [_topics(claim) for claim in json.loads(made)["claims"]]) for asked, made in rows]

    def open_turns(self, conversation: str, who: str) -> list[bool]:
        """Whether all that a turn rests on is readable."""
        turns = self.cited(conversation)
        return [all(who in self.readers[t] for claim in claims for t in claim) for _, claims in turns]

    def words_for(self, conversation: str, who: str) -> set[str]:
        """The words that somebody may see of a conversation of alice's."""
        turns = self.cited(conversation)
        found = {
            marker(topic)
            for _, claims in turns
            for claim in claims
            if all(who in self.readers[t] for t in claim)
            for topic in claim
        }
        opened = self.open_turns(conversation, who)
        for at, (asked, _) in enumerate(turns):
            if who == "alice" or all(opened[: at + 1]):
                found |= {word for word in self.asked if word in asked}
        return found

    def all_words(self) -> set[str]:
        return {*self.asked, *(marker(topic) for topic in TOPICS)}

    def seen_in(self, text: str) -> set[str]:
        return {word for word in self.all_words() if word in text}


@contextmanager
def talking(
    make_workspace: Callable[..., Workspace], place: Path, follow_ups: str = "rules"
) -> Iterator[Company]:
    """A company whose default model is a running server that quotes the first two passages of what it is sent."""
    with serving(rewriting) as server:
        model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0}
        answers = {"model": "remote", "follow_ups": follow_ups}
        chosen = settings.parse({"models": {"remote": model}, "answers": answers})
        company = Company.made(make_workspace(settings=chosen), place)
        company.server = server
        yield company


def marker(topic: str) -> str:
    return f"zq{topic[::-1]}"


def _topics(claim: dict[str, Any]) -> set[str]:
    return {topic for topic in TOPICS for one in claim["citations"] if marker(topic) in one["quote"]}


def surfaces(company: Company, conversation: str, who: str) -> dict[str, str]:
    """All that somebody is shown of a conversation, by interface; the title in a list apart."""
    workspace = company.workspace
    http, headers = client(workspace), bearer(workspace, who)
    principal = workspace.principal(who)
    by = Actor(principal.ref, "test")
    whole = workspace.conversations.read(principal, conversation, by)
    exported = workspace.conversations.read(principal, conversation, by, export=True)
    got = http.get(f"/v1/conversations/{conversation}", headers=headers)
    assert got.status_code == 200
    return {
        "document": json.dumps(whole.as_json()),
        "markdown": exported.markdown(),
        "http": got.text,
        "page": Browser(workspace).sign_in(who).http.get(f"/conversations/{conversation}").text,
    }


def found_by(company: Company, word: str, who: str) -> list[Any]:
    """What a search over HTTP finds."""
    headers = bearer(company.workspace, who)
    got = client(company.workspace).post("/v1/conversations/search", json={"words": word}, headers=headers)
    return got.json()["hits"]
