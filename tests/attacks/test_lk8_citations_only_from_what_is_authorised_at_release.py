"""LK8: citations, titles and their count come only from what the reader may read at release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import claim, serving, telling

from muniment import settings
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import visible

BY = Actor("user:alice", "python")
HIDDEN_QUOTE = "The key ceremony is held in the walnut room."


def ready(make_workspace: Callable[..., Any], folder: Path, url: str) -> Any:
    model = {"base_url": url, "model": "m", "timeout_seconds": 10.0}
    workspace = make_workspace(settings=settings.parse({"models": {"remote": model}}))
    workspace.ingest(folder, "acme")
    return workspace


@pytest.mark.parametrize("n", range(0, 12))
def test_a_true_quote_of_a_hidden_document_is_never_shown(
    make_workspace: Callable[..., Any], folder: Path, n: int
) -> None:
    mind = telling(claim("It is in the walnut room.", (n, HIDDEN_QUOTE)))
    with serving(mind) as server:
        workspace = ready(make_workspace, folder, server.url)
        answer = workspace.ask("Where is the key ceremony?", as_="alice", model="remote")
    assert answer.status == "abstained"
    assert "walnut" not in str(answer.as_json())
    assert "Key ceremony" not in str(answer.as_json())


def test_every_citation_of_every_reader_is_readable_and_exact(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    with serving() as server:
        workspace = ready(make_workspace, folder, server.url)
        seen = 0
        for who in ("alice", "bob", "carol", "service:helpdesk"):
            for model in ("quotes", "remote"):
                for question in (
                    "What is the Heron price?",
                    "When does the canteen open?",
                    "What is on call paid?",
                ):
                    answer = workspace.ask(question, as_=who, model=model)
                    with workspace.database.read() as connection:
                        rights = visible(connection, workspace.principal(who))
                        for citation in answer.citations:
                            seen += 1
                            document = library.get_document(connection, citation.document)
                            assert document is not None and rights.may_read(document)
                            assert citation.title == document.title
                            text = library.version_text(connection, citation.document, citation.version)
                            assert text is not None
                            assert text[slice(*citation.span)] == citation.quote
                    for passage in answer.lineage["passages"]:
                        with workspace.database.read() as connection:
                            document = library.get_document(connection, passage["document"])
                            assert document is not None and rights.may_read(document)
        assert seen > 10


def test_a_revoke_between_two_claims_takes_title_and_count_with_it(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    pay = (1, "The on-call engineer is paid 300 crowns for each weekend.")
    told = ("is paid 300 crowns", "is paid for each weekend", "is paid 300 crowns for each weekend")
    mind = telling(*(claim(f"The on-call engineer {what}.", pay) for what in told))
    with serving(mind) as server:
        workspace = ready(make_workspace, folder, server.url)
        events: list[Any] = []
        for event in workspace.assistant.stream(
            workspace.principal("alice"), "What is the on-call engineer paid?", BY, "remote"
        ):
            events.append(event)
            if type(event).__name__ == "Claim":
                workspace.directory.remove_member("platform", "alice", OPERATOR)
    assert [type(event).__name__ for event in events] == ["Started", "Claim", "Finished"]
    final = events[-1].answer
    assert final.status == "refused"
    assert final.citations == ()
    for word in ("300", "On call", events[1].citations[0].document):
        assert word not in final.answer + str(final.citations)


def test_the_count_of_citations_does_not_move_with_hidden_documents(
    make_workspace: Callable[..., Any], folder: Path
) -> None:
    question = "Where is the canteen and the walnut room?"
    with serving() as server:
        workspace = ready(make_workspace, folder, server.url)
        before = [workspace.ask(question, as_="carol", model=model) for model in ("quotes", "remote")]
        for n in range(5):
            (folder / f"engineering/secret/more{n}.md").write_text(
                f"# Walnut {n}\n\nCanteen walnut room {n}.\n"
            )
        workspace.ingest(folder, "acme")
        after = [workspace.ask(question, as_="carol", model=model) for model in ("quotes", "remote")]
    for one, other in zip(before, after, strict=True):
        assert (one.answer, one.citations, one.notes) == (other.answer, other.citations, other.notes)
        assert one.usage == other.usage
