"""AU3 through every door: each chunk that was retrieved has an entry, and nothing is told that has none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import Simulator, answering, serving
from tests.simulators.shop import NOTIFY, Shop
from tests.simulators.web_client import Browser, bearer, client, document_id

from muniment.app import Workspace
from muniment.foundation.revisions import current
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.settings import parse

WORDS = ("oakmark", "birchmark", "cedarmark", "hazelmark", "rowanmark")
QUESTION = "What does the heron pump cost?"
ASKED = {"question": QUESTION}
CHAT = {"model": "house", "messages": [{"role": "user", "content": QUESTION}]}


@dataclass
class House:
    """A workspace with five documents about one thing, each of which alone holds one of the words."""

    workspace: Workspace
    model: Simulator
    document: dict[str, str]
    """By word."""

    def post(self, path: str, body: object, accept: str = "application/json") -> str:
        headers = {**bearer(self.workspace, "alice"), "accept": accept}
        answer = client(self.workspace).post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def call(self, tool: str, **arguments: object) -> str:
        """Call a tool of the MCP server."""
        about = {"name": tool, "arguments": arguments}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": about}
        return self.post("/mcp", asked, "application/json, text/event-stream")

    def do(self) -> str:
        """Have a model do a task, for which it searches."""
        left = [{"move": "search", "query": "heron pump"}, {"move": "answer", "text": "Finished."}]
        self.model.mind = lambda prompt: json.dumps(left.pop(0))
        alice = self.workspace.principal("alice")
        return self.workspace.agent.run(alice, "See what herons cost.", Actor(alice.ref, "http")).text


@pytest.fixture
def house(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[House]:
    root = tmp_path / "library"
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:platform"]\n')
    for n, word in enumerate(WORDS):
        (root / f"{n}.md").write_text(f"The heron pump costs {n + 7} crowns in the {word} shop.\n")
    with serving() as model:
        model.mind = answering
        models = {"house": {"base_url": model.url, "model": "m", "max_output_tokens": 2000}}
        workspace = make_workspace(settings=parse({"models": models, "answers": {"model": "house"}}))
        workspace.ingest(root, "shop")
        workspace.running = Shop().running()
        workspace.tools.add(NOTIFY, None, OPERATOR)
        for role in ("reader", "tool-user"):
            workspace.roles.grant(role, "user:alice", "she helps", OPERATOR)
        document = {word: document_id(workspace, f"{n}.md") for n, word in enumerate(WORDS)}
        yield House(workspace, model, document)


DOORS: dict[str, Callable[[House], str]] = {
    "search": lambda house: house.post("/v1/search", {"query": "heron pump"}),
    "ask": lambda house: house.post("/v1/answers", ASKED),
    "ask, streamed": lambda house: house.post("/v1/answers", ASKED, "text/event-stream"),
    "openai": lambda house: house.post("/v1/chat/completions", CHAT),
    "openai, streamed": lambda house: house.post("/v1/chat/completions", {**CHAT, "stream": True}),
    "mcp search": lambda house: house.call("search", query="heron pump"),
    "mcp answer": lambda house: house.call("answer", question=QUESTION),
    "page": lambda house: Browser(house.workspace).sign_in("alice").ask(QUESTION).text,
    "agent": House.do,
    "python": lambda house: str(house.workspace.ask(QUESTION, "alice")),
}


@pytest.mark.parametrize("door", DOORS)
def test_each_chunk_has_its_entry_and_nothing_else_is_told(house: House, door: str) -> None:
    start = len(house.workspace.audit.query(limit=10_000))
    house.model.prompts.clear()
    given: Any = DOORS[door](house)
    entries = house.workspace.audit.query(limit=10_000)[start:]
    [asked] = [entry for entry in entries if entry.kind == "search.request"]
    chunks = [entry for entry in entries if entry.kind == "retrieval.chunk"]
    assert [entry.about["rank"] for entry in chunks] == [1, 2, 3, 4, 5] and asked.about["passages"] == 5
    told = {word for word in WORDS if word in given or any(word in sent for sent in house.model.prompts)}
    assert {house.document[word] for word in told} == {entry.about["document"] for entry in chunks}
    with house.workspace.database.read() as connection:
        now, policy = current(connection), house.workspace.policy.version(connection)
    revisions = {"directory": now.directory, "access": now.access, "content": now.content}
    for entry in chunks:
        assert entry.actor == "user:alice" and entry.about["principal"] == "user:alice"
        assert (entry.about["effect"], entry.about["policy"]) == ("allow", policy)
        assert entry.about["revisions"] == revisions
        assert entry.about["chunk"] == f"{entry.about['document']}:{entry.about['version']}:0"
    # They stand in the log before anything that was told because of them.
    later = [
        entry.seq for entry in entries if entry.kind in ("model.call", "answer.claim", "answer.finished")
    ]
    assert all(seq > chunks[-1].seq for seq in later if seq > asked.seq)


def test_who_may_read_none_of_them_has_no_chunk_in_the_log(house: House) -> None:
    found = house.workspace.search("heron pump", "bob")
    assert found.passages == [] or found.passages == ()
    assert house.workspace.audit.query(kind="retrieval.chunk", actor="user:bob") == []
    [asked] = house.workspace.audit.query(kind="search.request", actor="user:bob")
    assert asked.about["passages"] == 0
