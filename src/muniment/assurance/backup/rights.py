"""Who may do what, as digests: equal before a backup and after a restore, or the restore is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import sqlalchemy as sa

NO_RIGHTS = frozenset(
    {
        "alembic_version",
        "answer",
        "application_versions",
        "audit_checkpoint",
        "audit_entry",
        "audit_tile",
        "audit_erasure",
        "audit_subject",
        "audit_subject_keys",
        "audit_tree",
        "audit_witness",
        "audit_witnessed",
        "chunk",
        "conversation",
        "conversation_turn",
        "dbos_migrations",
        "document_band",
        "document_flag",
        "document_line",
        "document_sketch",
        "document_version",
        "evaluation_result",
        "evaluation_run",
        "feedback",
        "index_model",
        "model_usage",
        "name_label",
        "api_key_place",
        "audit_sink",
        "detection_place",
        "incident",
        "notification",
        "notifications",
        "operation_outputs",
        "outcome",
        "prompt_stage",
        "prompt_version",
        "queues",
        "ranking_settings",
        "ranking_use",
        "release",
        "release_stage",
        "review_item",
        "review_label",
        "review_set",
        "segment",
        "session",
        "signin_attempt",
        "source_connection",
        "signin_link",
        "streams",
        "version_original",
        "workflow_events",
        "workflow_attempt",
        "workflow_events_history",
        "workflow_input",
        "workflow_output",
        "workflow_place",
        "workflow_schedules",
        "workflow_status",
    }
)
"""Tables that give nobody anything beyond what the rest says, or that no restore keeps; a new table counts."""


def rights(connection: sa.Connection) -> Mapping[str, str]:
    """Return the digest of every row and column of each table that says who may do what."""
    inspector = sa.inspect(connection)
    return {
        name: _digest(connection, name, [column["name"] for column in inspector.get_columns(name)])
        for name in sorted(set(inspector.get_table_names()) - NO_RIGHTS)
    }


def _digest(connection: sa.Connection, table: str, names: list[str]) -> str:
    columns = [sa.column(name) for name in names]
    digest = hashlib.sha256(json.dumps(names).encode())
    for row in connection.execute(sa.select(*columns).select_from(sa.table(table)).order_by(*columns)):
        digest.update(json.dumps(list(row), default=_hex).encode() + b"\n")
    return "sha256:" + digest.hexdigest()


def _hex(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"a database gave a {type(value).__name__}")
