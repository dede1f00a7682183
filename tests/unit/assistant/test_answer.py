"""An answer is released claim by claim, on rights read at that moment, after its entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from muniment.assistant.values import NOTHING_FOUND, WITHDRAWN, Claim, Finished, Started
from muniment.foundation.errors import BadInput, NotFound, Unavailable
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.inference.messages import Draft, Mark, Usage
from muniment.inference.providers.quotes import NOTE

PAY = "What is the on-call engineer paid for each weekend?"
PAID = ("is paid 300 crowns", "is paid for each weekend", "is paid 300 crowns for each weekend")
BY = Actor("user:alice", "python")


@pytest.fixture
def ready(workspace: Any, folder: Any) -> Any:
    workspace.ingest(folder, "acme")
    return workspace


def test_the_answer_is_quoted_verbatim_from_the_stored_version(ready: Any) -> None:
    answer = ready.ask(PAY, as_="alice")
    assert answer.status == "answered"
    assert NOTE in answer.notes
    citation = answer.citations[0]
    from muniment.knowledge import library

    with ready.database.read() as connection:
        text = library.version_text(connection, citation.document, citation.version)
    assert text is not None
    assert text[slice(*citation.span)] == citation.quote
    assert "300 crowns" in citation.quote


def test_hidden_and_absent_give_the_same_answer(ready: Any) -> None:
    hidden = ready.ask(PAY, as_="carol")
    absent = ready.ask("What is the boiling point of mercury?", as_="carol")
    for answer in (hidden, absent):
        assert (answer.status, answer.answer, answer.citations) == ("abstained", NOTHING_FOUND, ())
    assert hidden.notes == absent.notes


def test_entries_come_before_what_they_allow(ready: Any) -> None:
    kinds: list[list[str]] = []
    for event in ready.assistant.stream(ready.principal("alice"), PAY, BY):
        kinds.append([type(event).__name__, *(entry.kind for entry in ready.audit.tail(50))])
    started, claim, *_, finished = kinds
    assert started[0] == "Started" and started[-1] == "answer.request"
    assert claim[0] == "Claim" and claim[-1] == "answer.claim"
    assert finished[0] == "Finished" and finished[-1] == "answer.finished"


@pytest.mark.parametrize(
    "kind", ["answer.request", "search.request", "model.call", "answer.claim", "answer.finished"]
)
def test_without_the_log_there_is_no_byte_of_an_answer(
    ready: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, append = ready.audit.record, ready.audit.append

    def check(entries: Any) -> None:
        if any(entry.kind == kind for entry in entries):
            raise Unavailable("The audit log cannot be written.")

    monkeypatch.setattr(ready.audit, "record", lambda entries: (check(entries), record(entries))[1])
    monkeypatch.setattr(ready.audit, "append", lambda c, entries: (check(entries), append(c, entries))[1])
    with pytest.raises(Unavailable):
        ready.ask(PAY, as_="alice")


class Scripted:
    """A model that drafts what it is told, and lets the test act between two drafts."""

    def __init__(self, drafts: list[Draft], between: Callable[[int], None] = lambda _: None) -> None:
        self.drafts, self.between = drafts, between

    def complete(self, *_: object) -> Any:
        for at, draft in enumerate(self.drafts):
            self.between(at)
            yield draft
        yield Usage(1, 1)


def test_a_stream_stops_before_the_next_claim_after_a_revoke(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote = "The on-call engineer is paid 300 crowns for each weekend."
    drafts = [Draft(f"The on-call engineer {what}.", (Mark(1, quote),)) for what in PAID]

    def revoke(at: int) -> None:
        if at == 1:
            ready.directory.remove_member("platform", "alice", OPERATOR)

    monkeypatch.setattr(ready.gateway, "_provider", lambda _: Scripted(drafts, revoke))
    events = list(ready.assistant.stream(ready.principal("alice"), PAY, BY))
    assert [type(event) for event in events] == [Started, Claim, Finished]
    final = events[-1].answer
    assert final.status == "refused"
    assert final.answer == WITHDRAWN
    assert final.citations == () and "300" not in str(final.as_json())
    assert ready.audit.tail(1)[0].kind == "answer.refused"


def test_a_revoke_while_the_entry_is_written_still_stops_the_claim(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ready.audit.record

    def revoking(entries: Any) -> Any:
        places = record(entries)
        if entries[0].kind == "answer.claim":
            ready.directory.remove_member("platform", "alice", OPERATOR)
        return places

    monkeypatch.setattr(ready.audit, "record", revoking)
    events = list(ready.assistant.stream(ready.principal("alice"), PAY, BY))
    assert [type(event) for event in events] == [Started, Finished]
    assert events[-1].answer.status == "refused"


def test_a_document_removed_while_answering_is_not_cited(
    ready: Any, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote = "The on-call engineer is paid 300 crowns for each weekend."

    def remove(_: int) -> None:
        (folder / "engineering/oncall.md").unlink()
        ready.ingest(folder, "acme")

    monkeypatch.setattr(
        ready.gateway, "_provider", lambda _: Scripted([Draft("It is.", (Mark(1, quote),))], remove)
    )
    assert ready.ask(PAY, as_="alice").status == "refused"


def test_a_model_that_breaks_inside_is_recorded_and_gives_nothing(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise ZeroDivisionError("content of a passage")

    monkeypatch.setattr(ready.gateway, "_provider", lambda _: Scripted([Draft("x", ())], broken))
    with pytest.raises(Unavailable) as caught:
        ready.ask(PAY, as_="alice")
    assert "content" not in str(caught.value)
    assert ready.audit.tail(1)[0].about["reason"] == "ZeroDivisionError"


def test_a_reader_who_leaves_is_recorded(ready: Any) -> None:
    stream = ready.assistant.stream(ready.principal("alice"), PAY, BY)
    next(stream), next(stream)
    stream.close()
    assert ready.audit.tail(1)[0].about["reason"] == "stopped"


def test_a_reader_who_leaves_after_the_whole_answer_stopped_nothing(ready: Any) -> None:
    stream = ready.assistant.stream(ready.principal("alice"), PAY, BY)
    while not isinstance(next(stream), Finished):
        pass
    before = ready.audit.tail(1)
    stream.close()
    assert ready.audit.tail(1) == before and before[0].about.get("reason") != "stopped"


@pytest.mark.parametrize("question", ["", "  \n", "x" * 2001])
def test_an_unusable_question_says_why(ready: Any, question: str) -> None:
    with pytest.raises(BadInput):
        ready.ask(question, as_="alice")


def test_explain_shows_how_it_came_about_to_its_owner_only(ready: Any) -> None:
    answer = ready.ask(PAY, as_="alice")
    shown = ready.lineage.explain(ready.principal("alice"), answer.id)
    assert shown.question == PAY
    assert shown.citations == answer.citations
    assert shown.lineage == answer.lineage
    for key in ("model", "prompt", "policy", "code", "chunking", "index", "passages", "checks"):
        assert shown.lineage[key] != "", key
    assert answer.citations[0].quote in shown.text()
    errors = []
    for reader, answer_id in (("bob", answer.id), ("bob", "ans_aaaaaaaaaaaaaaaaaaaa")):
        with pytest.raises(NotFound) as caught:
            ready.lineage.explain(ready.principal(reader), answer_id)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert [entry.about["effect"] for entry in ready.audit.query(kind="lineage.read")] == [
        "allow",
        "deny",
        "deny",
    ]


def test_explain_withholds_what_is_no_longer_readable(ready: Any) -> None:
    answer = ready.ask(PAY, as_="alice")
    ready.directory.remove_member("platform", "alice", OPERATOR)
    shown = ready.lineage.explain(ready.principal("alice"), answer.id)
    assert shown.withheld == len(answer.citations)
    assert shown.citations == ()
    for word in ("300", "crowns", "On call", answer.citations[0].document):
        assert word not in shown.text() + str(shown.as_json())
