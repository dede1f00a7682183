"""AZ11: past its lease a connected source is withheld wherever something of it could be shown: as if it had never
been, or as what may not be read any more. Renewed, it is back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.simulators.office import ALICE, BOB
from tests.simulators.openai_server import rewriting, serving
from tests.simulators.shop import MANIFESTS
from tests.simulators.sources.memory_source import KIND, MemoryScene
from tests.simulators.web_client import Browser, bearer, client

from muniment import settings
from muniment.actions.bound import Evidence
from muniment.actions.proposals import Call
from muniment.app import Workspace
from muniment.assistant.lineage import WITHHELD
from muniment.foundation.clock import FixedClock
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources import kinds
from muniment.knowledge.syncing import measured

TOPICS = ("heron", "tarn")
BY = Actor(ALICE.ref, "test")
LEASE = 900
BARE = frozenset({"lineage", "approval"})
"""Where documents are named by their ids or titles alone."""


def marker(topic: str) -> str:
    return f"zq{topic[::-1]}"


@dataclass
class Company:
    """A workspace that mirrors a source, with a conversation and a proposal that rest on it."""

    workspace: Workspace
    conversation: str
    answer: str
    document: str
    action: str

    def late(self, seconds: float = LEASE + 1) -> None:
        assert isinstance(self.workspace.clock, FixedClock)
        self.workspace.clock.advance(seconds=seconds)

    def surfaces(self) -> dict[str, str]:
        """All that alice and an approver are shown, by where."""
        workspace, who = self.workspace, "alice"
        http, headers = client(workspace), bearer(workspace, who)
        browser = Browser(workspace).sign_in(who).http
        principal, approver = workspace.principal(who), workspace.principal("bob")
        whole = workspace.conversations.read(principal, self.conversation, BY)
        exported = workspace.conversations.read(principal, self.conversation, BY, export=True)
        shown = workspace.approvals.show(self.action, approver, Actor(BOB.ref, "web"))
        words = workspace.passages.of(shown.action.bound, shown.view, approver, Actor(BOB.ref, "web"))
        ask = {"question": "What does the heron gauge read?"}
        return {
            "search": http.post("/v1/search", json={"query": "heron gauge"}, headers=headers).text,
            "answers": http.post("/v1/answers", json=ask, headers=headers).text,
            "answer": http.get(f"/v1/answers/{self.answer}", headers=headers).text,
            "lineage": http.get(f"/v1/answers/{self.answer}/lineage", headers=headers).text,
            "answer page": browser.get(f"/answers/{self.answer}").text,
            "conversation": json.dumps(whole.as_json()),
            "markdown": exported.markdown(),
            "conversation over http": http.get(
                f"/v1/conversations/{self.conversation}", headers=headers
            ).text,
            "conversation page": browser.get(f"/conversations/{self.conversation}").text,
            "document": http.get(f"/v1/documents/{self.document}", headers=headers).text,
            "document page": browser.get(f"/documents/{self.document}").text,
            "approval": f"{shown.view}",
            "words of an approval": f"{words}",
        }


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    with mirrored(make_workspace) as made:
        yield made


@contextmanager
def mirrored(make_workspace: Callable[..., Workspace]) -> Iterator[Company]:
    scene = MemoryScene()
    for topic in TOPICS:
        scene.put(f"{topic}/note.md", f"The {topic} gauge reads {marker(topic)} at noon.\n")
        scene.allow(f"{topic}/note.md", ["alice", "bob"])
    with serving(rewriting) as server:
        model = {"base_url": server.url, "model": "m", "timeout_seconds": 10.0}
        chosen = settings.parse({"models": {"remote": model}, "answers": {"model": "remote"}})
        workspace = make_workspace(settings=chosen, clock=FixedClock())
        workspace.sources.add("wiki", KIND.name, scene.settings, OPERATOR)
        read_again(workspace)
        workspace.sources.sync_content("wiki", OPERATOR)
        principal = workspace.principal("alice")
        thread = workspace.dialogue.resume(principal, "new", "What does the heron gauge read?", BY)
        *_, last = workspace.dialogue.stream(principal, thread, BY)
        [first, *_] = workspace.search("heron gauge", "alice").passages
        yield Company(
            workspace, last.answer.conversation, last.answer.id, first.document, proposed(workspace, first)
        )
    scene.close()


def read_again(workspace: Workspace) -> None:
    workspace.sources.sync_access("wiki", OPERATOR)


def proposed(workspace: Workspace, passage: object) -> str:
    """Propose an action that rests on a passage."""
    for manifest in MANIFESTS:
        workspace.tools.add(manifest, None, OPERATOR)
    workspace.roles.grant("tool-user", ALICE.ref, "they work", OPERATOR)
    workspace.roles.grant("approver", BOB.ref, "they decide", OPERATOR)
    document, version, chunk = (getattr(passage, one) for one in ("document", "version", "chunk"))
    call = Call(
        "refund",
        {"order": "A-1", "amount": "20.00"},
        evidence=(Evidence(document, str(version), chunk),),
    )
    workspace.running = Orders()  # type: ignore[assignment]
    made = workspace.actions.propose(workspace.principal("alice"), BY, call).action
    assert made is not None and made.state == "waiting"
    return made.id


class Orders:
    """Answers what a refund is for."""

    def run(self, _call: object) -> object:
        return {"id": "A-1", "total": "80.00", "version": 1, "note": "please hurry"}


def test_nothing_of_a_stale_source_is_shown_anywhere_until_it_is_read_again(company: Company) -> None:
    words = (marker("heron"), "heron/note.md")

    def tells(shown: str) -> bool:
        return any(word in shown for word in words)

    before = company.surfaces()
    for name in before.keys() - BARE:
        assert tells(before[name]), f"{name} shows nothing at the best of times"
    company.late()
    stale = company.surfaces()
    for name, shown in stale.items():
        assert not tells(shown), name
    assert WITHHELD in stale["conversation"]
    read_again(company.workspace)
    again = company.surfaces()
    for name in before.keys() - BARE:
        assert tells(again[name]), f"{name} is not back"


def test_the_last_moment_of_a_lease_is_the_last_at_which_anything_is_found(company: Company) -> None:
    company.late(LEASE - 1)
    assert company.workspace.search("heron", "alice").passages
    company.late(1)
    assert not company.workspace.search("heron", "alice").passages


def test_a_stale_document_looks_as_one_that_never_was(company: Company) -> None:
    company.late()
    http, headers = client(company.workspace), bearer(company.workspace, "alice")
    absent = "doc_" + "a" * 20
    pair = [http.get(f"/v1/documents/{one}", headers=headers) for one in (company.document, absent)]
    assert [one.status_code for one in pair] == [404, 404]
    assert pair[0].text.replace(company.document, "") == pair[1].text.replace(absent, "")


def test_counts_and_what_is_suggested_tell_nothing_of_a_stale_source(company: Company) -> None:
    workspace = company.workspace
    alice = workspace.principal("alice")
    assert workspace.places.readable(alice).sources == ("wiki",)
    company.late()
    places = workspace.places.readable(alice)
    assert not any((places.sources, places.folders, places.types))
    found = workspace.search("heron gauge", "alice", k=50)
    nothing = workspace.search("zeppelin", "alice", k=50)
    assert (found.passages, found.notes) == ((), nothing.notes)
    request = workspace.audit.query(kind="search.request")[-1]
    assert request.about["passages"] == 0
    hits = client(workspace).post(
        "/v1/conversations/search", json={"words": marker("heron")}, headers=bearer(workspace, "alice")
    )
    assert hits.json()["hits"] == []


def test_a_question_that_goes_on_carries_nothing_stale_to_the_model(
    make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    with mirrored(make_workspace) as company:
        workspace = company.workspace
        company.late()
        principal = workspace.principal("alice")
        thread = workspace.dialogue.resume(principal, company.conversation, "And at night?", BY)
        *_, last = workspace.dialogue.stream(principal, thread, BY)
        assert last.answer.status != "answered"
        assert marker("heron") not in str(last.answer.as_json())


def test_the_metrics_count_what_is_withheld(company: Company) -> None:
    def withheld() -> dict[str, float]:
        with company.workspace.database.read() as connection:
            read = list(measured.read(connection, company.workspace.clock.now()))
        return {one.reading.name: one.value for one in read if "items" not in one.reading.name}

    assert withheld() == {"muniment.source.revocation.lag": 0, "muniment.source.withheld": 0}
    company.late()
    assert withheld() == {"muniment.source.revocation.lag": LEASE + 1, "muniment.source.withheld": 2}


def test_a_conversation_that_cites_a_removed_source_is_withheld(company: Company) -> None:
    company.workspace.sources.remove("wiki", OPERATOR)
    for name, shown in company.surfaces().items():
        assert marker("heron") not in shown, name
    assert WITHHELD in company.surfaces()["conversation"]
