"""A reader learns where a document comes from, how fresh it is, and through which entry it is open to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulators.web_client import document_id, kinds

from muniment.app import Workspace
from muniment.foundation.errors import NotFound
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.provenance import Provenance


@pytest.fixture
def ready(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


def told(workspace: Workspace, path: str, who: str) -> Provenance:
    return workspace.provenances.of(workspace.principal(who), document_id(workspace, path), OPERATOR)


def test_a_reader_sees_their_own_way_in_and_nobody_elses(ready: Workspace) -> None:
    ready.access.set("docs/engineering", ["group:engineering", "user:bob", "user:carol"], [], OPERATOR)
    assert told(ready, "engineering/oncall.md", "alice").through == ("group:engineering",)
    assert told(ready, "engineering/oncall.md", "bob").through == ("user:bob",)
    assert told(ready, "all/canteen.txt", "bob").through == ("group:everyone",)
    assert told(ready, "engineering/oncall.md", "bob").access is None
    assert "access.list_read" not in kinds(ready)


def test_the_whole_list_is_for_whom_policy_shows_sources_or_the_directory_and_is_recorded_first(
    ready: Workspace,
) -> None:
    for role in ("contributor", "auditor"):
        ready.roles.grant(role, "user:alice", "she looks after it", OPERATOR)
        shown = told(ready, "engineering/oncall.md", "alice").access
        assert shown is not None and shown.allow == {"group:engineering"}
        (entry,) = [one for one in ready.audit.tail(50) if one.kind == "access.list_read"][-1:]
        assert entry.about["document"] == document_id(ready, "engineering/oncall.md")
        ready.roles.revoke(role, "user:alice", "enough", OPERATOR)
        assert told(ready, "engineering/oncall.md", "alice").access is None


def test_what_a_reader_may_not_read_looks_absent_whatever_else_they_may_see(ready: Workspace) -> None:
    ready.roles.grant("auditor", "user:bob", "he audits", OPERATOR)
    for who, path in (("bob", "engineering/oncall.md"), ("alice", "engineering/secret/keys.md")):
        with pytest.raises(NotFound) as refused:
            told(ready, path, who)
        with pytest.raises(NotFound) as absent:
            ready.provenances.of(ready.principal(who), "doc_none", OPERATOR)
        assert str(refused.value) == str(absent.value)
    assert "access.list_read" not in kinds(ready)


def test_it_names_the_current_version_and_when_the_source_was_last_read(
    ready: Workspace, folder: Path
) -> None:
    before = told(ready, "all/canteen.txt", "bob")
    (folder / "all" / "canteen.txt").write_text("The canteen opens at nine and closes at three.\n")
    ready.ingest(folder, "docs")
    after = told(ready, "all/canteen.txt", "bob")
    assert (before.source, before.version, after.version) == ("docs", 1, 2)
    assert before.synced_at is not None and after.synced_at is not None
    assert before.synced_at <= after.synced_at
