"""AU1: nothing is given or done before its entry is durable; when none can be written, nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment.app import Workspace
from muniment.assistant.values import Claim, Finished
from muniment.foundation.errors import Unavailable
from muniment.governance.identity.principal import OPERATOR, Actor

BY = Actor("user:carol", "python")


@pytest.fixture
def filled(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


@contextmanager
def log_that_cannot_grow(workspace: Workspace) -> Iterator[None]:
    """Let the database itself refuse every new entry, as a full disk would."""
    with workspace.database.write() as connection:
        connection.execute(
            sa.text(
                "CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            )
        )
    try:
        yield
    finally:
        with workspace.database.write() as connection:
            connection.execute(sa.text("DROP TRIGGER full"))


def test_no_passage_no_answer_no_document_without_an_entry(filled: Workspace) -> None:
    document = filled.search("canteen", "carol").passages[0].document
    carol = filled.principal("carol")
    with log_that_cannot_grow(filled):
        with pytest.raises(Unavailable):
            filled.search("canteen", "carol")
        with pytest.raises(Unavailable):
            filled.ask("When does the canteen open?", "carol")
        with pytest.raises(Unavailable):
            filled.reading.read(carol, document, None, BY)
    assert filled.search("canteen", "carol").passages
    assert filled.audit.verify().findings == ()


def test_no_change_of_access_without_an_entry(filled: Workspace) -> None:
    with log_that_cannot_grow(filled), pytest.raises(Unavailable):
        filled.access.set("docs/all", ["user:bob"], [], OPERATOR)
    assert filled.search("canteen", "carol").passages


def test_no_sign_in_without_an_entry(filled: Workspace) -> None:
    secret = filled.sessions.create_link(filled.principal("carol"), OPERATOR)
    with log_that_cannot_grow(filled), pytest.raises(Unavailable):
        filled.sessions.redeem(secret)
    assert filled.sessions.redeem(secret).principal.name == "carol"


def test_a_claim_is_in_the_log_before_the_reader_holds_it(filled: Workspace) -> None:
    stream = filled.assistant.stream(filled.principal("carol"), "When does the canteen open?", BY)
    seen = 0
    for event in stream:
        kinds = [entry.kind for entry in filled.audit.tail(200)]
        if isinstance(event, Claim):
            seen += 1
            assert kinds.count("answer.claim") == seen
        if isinstance(event, Finished):
            assert kinds[-1] == "answer.finished"
    assert seen >= 1


def test_a_log_that_fails_in_mid_answer_ends_the_answer(filled: Workspace) -> None:
    stream = filled.assistant.stream(filled.principal("carol"), "When does the canteen open?", BY)
    next(stream)
    with log_that_cannot_grow(filled), pytest.raises(Unavailable):
        list(stream)
