"""An index of an earlier version goes on with the model that most of it was made with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from tests.postgres import BOTH
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.shelf import model_in_use, put, seen

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.embedders import BUNDLED
from muniment.knowledge import index_model

pytestmark = BOTH
LATER = (
    "DROP TABLE document_flag",
    "DROP TABLE quarantine",
    "DROP TABLE document_sketch",
    "DROP TABLE document_band",
    "DROP TABLE document_line",
    "ALTER TABLE document_version DROP COLUMN withheld",
    "DROP TABLE document_label",
    "ALTER TABLE document_version DROP COLUMN stated",
    "DROP TABLE source_team",
    "DROP TABLE source_account",
    "DROP TABLE source_scope",
    "DROP TABLE source_item",
    "DROP TABLE source_connection",
    "DROP TABLE outside_ours",
    "DROP TABLE outside_entry",
    "DROP TABLE outside_lease",
    "DROP TABLE version_original",
    "ALTER TABLE document_version DROP COLUMN language",
    "DROP TABLE release",
    "DROP TABLE release_stage",
    "ALTER TABLE document_version DROP COLUMN chunking",
    "DROP TABLE signin_attempt",
    "ALTER TABLE session DROP COLUMN issuer",
    "ALTER TABLE session DROP COLUMN group_rule",
    "ALTER TABLE session DROP COLUMN claimed",
    "DROP TABLE provisioned",
    "DROP INDEX directory_membership_group",
    "DROP TABLE emergency_access",
    "DROP TABLE role_grant",
    "DROP TABLE policy_activation",
    "DROP TABLE policy_version",
    "DROP TABLE first_administrator",
    "DROP TABLE model_usage",
    "DROP TABLE prompt_version",
    "DROP TABLE prompt_stage",
    "DROP TABLE feedback",
    "DROP TABLE evaluation_run",
    "DROP TABLE evaluation_result",
    "DROP TABLE review_set",
    "DROP TABLE review_item",
    "DROP TABLE review_label",
    "DROP TABLE outcome",
    "DROP TABLE conversation",
    "DROP TABLE conversation_turn",
    "DROP TABLE conversation_share",
    "DROP TABLE name_label",
    "DROP TABLE legal_hold",
    "DROP TABLE audit_erasure",
    "DROP TABLE audit_subject",
    "DROP TABLE audit_subject_keys",
    "DROP TABLE notification",
    "DROP TABLE audit_sink",
    "DROP TABLE audit_tile",
    "DROP TABLE audit_witness",
    "DROP TABLE audit_witnessed",
    "DROP TABLE frozen",
    "DROP TABLE incident",
    "DROP TABLE api_key_place",
    "DROP TABLE detection_place",
    "DROP TABLE tool",
    "DROP TABLE tool_manifest",
    "DROP TABLE tool_stop",
    "DROP TABLE tool_call",
    "DROP TABLE action",
    "DROP TABLE action_decision",
    "DROP TABLE approval_delegation",
)
EARLIER = {
    "file": ("ALTER TABLE segment DROP COLUMN generation",),
    "postgres": (
        "ALTER TABLE segment DROP COLUMN generation",
        "ALTER TABLE index_document DROP CONSTRAINT index_document_document_key",
        "ALTER TABLE index_document DROP COLUMN generation",
        "ALTER TABLE index_document ADD CONSTRAINT index_document_document_key UNIQUE (document)",
    ),
}


@pytest.fixture
def earlier(make_workspace: Callable[..., Workspace], kept_in: str) -> Iterator[Callable[..., Workspace]]:
    """Return a function that makes an index of an earlier version: of each model so many documents."""
    opened: list[Workspace] = []

    def make(*of: HashedEmbedder | None) -> Workspace:
        made = make_workspace(embedder=lambda: None)
        for number, embedder in enumerate(of):
            other = app.open(made.home, embedder=lambda one=embedder: one)
            with other.database.write() as connection:
                connection.execute(sa.text("DELETE FROM index_model"))
            put(other, {f"p{number}": ["the pump lifts water"]})
            other.close()
        with made.database.write() as connection:
            for statement in (*LATER, *EARLIER[kept_in]):
                connection.exec_driver_sql(statement)
            for table in ("index_model", "api_key"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
        made.close()
        opened.append(app.open(made.home, embedder=lambda: [one for one in of if one is not None]))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_the_model_of_most_rows_is_in_use(earlier: Callable[..., Workspace]) -> None:
    few, most = HashedEmbedder(), HashedEmbedder(kind="-most")
    workspace = earlier(few, most, None, most)
    assert model_in_use(workspace) == most.model.digest
    found = workspace.search("pump", "bob")
    assert found.index["embedding"].endswith(most.model.digest) and len(found.passages) > 0
    workspace.index.finish(OPERATOR)
    assert workspace.search("pump", "bob").notes == ()
    put(workspace, {"more": ["a pump more"]})
    assert "more" in {path for path, _, _ in seen(workspace, "bob", "pump more")}


def test_an_index_without_vectors_has_no_model(earlier: Callable[..., Workspace]) -> None:
    assert model_in_use(earlier(None, None)) == ""


def test_the_bundled_model_keeps_its_name(earlier: Callable[..., Workspace]) -> None:
    bundled = HashedEmbedder(8)
    bundled.model = BUNDLED
    workspace = earlier(bundled)
    with workspace.database.read() as connection:
        live = index_model.live(connection)
    assert live is not None and live.model == BUNDLED and live.generation == 0 and live.at
