"""What is stored of a person, for that person."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from muniment.app import Workspace
from muniment.assistant.feedback import Opinion
from muniment.foundation.errors import Conflict, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted

BY = Actor("user:alice", "http")


@pytest.fixture
def asked(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    alice = workspace.principal("alice")
    made = workspace.ask("What is the on-call engineer paid for each weekend?", "alice")
    workspace.ask("What does the heron cost?", "bob")
    workspace.feedback.give(alice, made.id, Opinion(False, "too little"), BY)
    mine = workspace.conversations.create(alice, BY, "My notes")
    workspace.conversations.share(alice, mine.id, "user:bob", BY)
    workspace.sessions.redeem(workspace.sessions.create_link(alice, OPERATOR))
    return workspace


def files(place: Path) -> dict[str, object]:
    return {path.name: json.loads(path.read_bytes()) for path in place.iterdir()}


def test_a_person_is_told_all_of_theirs_and_nothing_of_others(asked: Workspace, tmp_path: Path) -> None:
    asked.subject_access.write("alice", tmp_path / "alice", None, OPERATOR)
    found = files(tmp_path / "alice")
    told = json.dumps(found)
    assert "300 crowns" in told and "too little" in told and "My notes" in told and "weekend" in told
    assert "heron" not in told and "user:bob" not in told and "another person" in told
    assert {"answers.json", "feedback.json", "conversation.json", "session.json", "log.json"} <= found.keys()
    assert {"digest", "csrf"}.isdisjoint(found["session.json"][0])  # type: ignore[index]
    index = found["index.json"]
    for name, stated in index["files"].items():  # type: ignore[index]
        assert hashlib.sha256((tmp_path / "alice" / name).read_bytes()).hexdigest() == stated["sha256"]
    assert asked.audit.tail(1)[0].kind == "privacy.exported"
    assert (tmp_path / "alice").stat().st_mode & 0o077 == 0


def test_what_may_no_longer_be_read_is_not_told(asked: Workspace, tmp_path: Path) -> None:
    asked.access.set("docs/engineering/oncall.md", ["user:bob"], [], OPERATOR)
    asked.subject_access.write("alice", tmp_path / "alice", None, OPERATOR)
    assert "300 crowns" not in json.dumps(files(tmp_path / "alice"))
    assert "weekend" in json.dumps(files(tmp_path / "alice"))


def test_nothing_is_written_for_who_may_not_for_nobody_or_over_something(
    asked: Workspace, tmp_path: Path
) -> None:
    access = asked.subject_access
    with pytest.raises(NotFound):
        access.write("nobody-of-that-name", tmp_path / "a", None, OPERATOR)
    with pytest.raises(NotPermitted):
        access.write("alice", tmp_path / "a", asked.principal("bob"), Actor("user:bob", "http"))
    assert not (tmp_path / "a").exists()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("")
    with pytest.raises(Conflict):
        access.write("alice", tmp_path / "a", None, OPERATOR)
