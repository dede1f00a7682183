"""What people may say of their answers, and who reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.command import Command, write_documents
from tests.postgres import BOTH
from tests.simulators.web_client import Browser, bearer, client, observable

from muniment.app import Workspace
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR

QUESTION = "How much is the on-call engineer paid for each weekend?"
WRONG = {"useful": False, "reason": "walnut reason", "right_answer": "walnut answer"}


@pytest.fixture
def company(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


@BOTH
def test_the_owner_of_an_answer_says_what_it_was_worth_and_may_change_it(company: Workspace) -> None:
    http, alice = client(company), bearer(company, "alice")
    made = company.ask(QUESTION, "alice")
    first = http.post("/v1/feedback", json={"answer": made.id, **WRONG}, headers=alice)
    assert (first.status_code, first.json()["useful"]) == (200, False)
    [kept] = company.feedback.listing(OPERATOR, 10, "to see")
    assert kept.words is not None
    assert (kept.answer, kept.principal, kept.words.question) == (made.id, "user:alice", QUESTION)
    assert (kept.words.reason, kept.words.right_answer) == ("walnut reason", "walnut answer")
    assert http.post("/v1/feedback", json={"answer": made.id, "useful": True}, headers=alice).json()["useful"]
    [kept] = company.feedback.listing(OPERATOR, 10, "to see")
    assert kept.words is not None
    assert (kept.useful, kept.has_reason, kept.words.right_answer) == (True, False, "")


@BOTH
def test_an_answer_of_anothers_looks_like_one_that_never_was(company: Workspace) -> None:
    http, bob = client(company), bearer(company, "bob")
    made = company.ask(QUESTION, "alice").id
    told = [
        http.post("/v1/feedback", json={"answer": one, "useful": True}, headers=bob)
        for one in (made, "ans_none", "x\x00")
    ]
    assert told[0].status_code == 404
    assert all(observable(one) == observable(told[0]) for one in told)
    assert company.feedback.listing(OPERATOR, 10) == []
    assert [e.about["effect"] for e in company.audit.query(kind="feedback.refused")] == ["deny"] * 3


def test_no_word_of_it_is_in_the_log(company: Workspace) -> None:
    made = company.ask(QUESTION, "alice").id
    client(company).post("/v1/feedback", json={"answer": made, **WRONG}, headers=bearer(company, "alice"))
    company.feedback.listing(OPERATOR, 10, "walnut why")
    entries = company.audit.tail(3)
    assert not [e for e in entries if "walnut" in json.dumps(dict(e.about))]
    given = company.audit.query(kind="feedback.given")[0]
    assert {k: given.about[k] for k in ("answer", "useful", "reason", "right_answer", "replaces")} == {
        "answer": made, "useful": False, "reason": True, "right_answer": True, "replaces": False,
    }  # fmt: skip


def test_a_workspace_that_cannot_write_its_log_keeps_no_feedback(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = company.ask(QUESTION, "alice").id

    def full(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(company.audit, "append", full)
    http = client(company, raise_server_exceptions=False)
    got = http.post("/v1/feedback", json={"answer": made, **WRONG}, headers=bearer(company, "alice"))
    assert got.status_code >= 500
    assert company.feedback.of(company.principal("alice"), made) is None


def test_a_page_asks_and_keeps_what_the_person_said(company: Workspace) -> None:
    alice = Browser(company).sign_in("alice")
    shown = alice.ask(QUESTION)
    place = shown.url.path
    assert "Was this useful?" in shown.text
    csrf = alice.csrf
    sent = {"csrf": csrf, "useful": "no", "reason": '"><script>walnut'}
    assert alice.post(f"{place}/feedback", **{**sent, "csrf": "wrong"}).status_code == 403
    assert alice.post(f"{place}/feedback", csrf=csrf, useful="maybe").status_code == 422
    got = alice.post(f"{place}/feedback", **sent)
    assert (got.status_code, got.headers["location"]) == (303, f"{place}#feedback")
    again = alice.http.get(place).text
    assert "Kept. Send it again" in again and "&#34;&gt;&lt;script&gt;walnut" in again
    assert "Was this useful?" not in alice.http.get("/").text


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    base = tmp_path_factory.mktemp("feedback")
    made = Command(base / "home").with_people()
    write_documents(base / "documents")
    assert made("ingest", base / "documents", "--source", "papers").code == 0
    return made


def test_an_operator_reads_what_people_wrote_only_for_a_reason(command: Command) -> None:
    made = command("ask", QUESTION, "--as", "alice", "--json").document["id"]
    words = ["--reason", "walnut reason", "--right-answer", "walnut answer"]
    given = command("feedback", "give", made, "--not-useful", *words, "--json").document
    assert (given["answer"], given["principal"], given["useful"]) == (made, "user:alice", False)
    listed = command("feedback", "list")
    assert made in listed.out and "a reason and the right answer" in listed.out and "walnut" not in listed.out
    assert "walnut" not in command("feedback", "list", "--json").out
    read = command("feedback", "list", "--reason", "Cases for the suite", "--json").document
    assert [one["right_answer"] for one in read["feedback"]] == ["walnut answer"]
    assert command("feedback", "list", "--reason", " ").code == 2
    log = command("audit", "tail", "--json").document["entries"]
    kinds = [(e["kind"], e["about"].get("words")) for e in log if e["kind"].startswith("feedback.")]
    assert kinds == [
        ("feedback.given", None), ("feedback.read", False), ("feedback.read", False), ("feedback.read", True),
    ]  # fmt: skip


def test_a_mistake_is_named(command: Command) -> None:
    assert command("feedback", "give", "ans_none", "--useful").code == 1
    made = command("ask", QUESTION, "--as", "alice", "--json").document["id"]
    assert command("feedback", "give", made, "--useful", "--as", "bob").code == 1
    assert command("feedback", "give", made).code == 2
    assert command("feedback", "give", made, "--useful", "--reason", "x" * 2_001).code == 2


def test_a_service_that_acts_for_a_person_is_named_with_it(company: Workspace) -> None:
    made = company.ask(QUESTION, "alice").id
    by = Actor("user:alice", "http", "key_x", "service:helpdesk")
    from muniment.assistant.feedback import Opinion

    company.feedback.give(company.principal("alice"), made, Opinion(True), by)
    assert company.audit.tail(1)[0].via == "http:key_x:service:helpdesk"
