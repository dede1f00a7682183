"""Sources that are connected: their cursors, what is mirrored of them, and how long that may be relied on."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Make the tables; a source that was there before is read by hand, and has no connection."""
    _leases()
    _connections()
    _mirror()
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)


def _leases() -> None:
    op.create_table(
        "outside_lease",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("as_of", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
    )
    op.create_table(
        "outside_entry",
        sa.Column("principal", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("entry", sa.Text(), primary_key=True),
    )
    op.create_index("outside_entry_source", "outside_entry", ["source", "entry"])
    op.create_table(
        "outside_ours",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("entry", sa.Text(), primary_key=True),
        sa.Column("clauses", sa.Text(), nullable=False),
    )


def _connections() -> None:
    op.create_table(
        "source_connection",
        _source(),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *_feed("access"),
        sa.Column("access_began", sa.Float(), nullable=False, server_default="0"),
        *_feed("content"),
        sa.Column("people", sa.Text(), nullable=False, server_default=""),
        sa.Column("alarmed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("woken", sa.Integer(), nullable=False, server_default="0"),
        sa.CheckConstraint("state IN ('active', 'paused', 'leaving')", name="source_connection_state"),
    )


def _feed(name: str) -> tuple[sa.Column[object], ...]:
    return (
        sa.Column(f"{name}_cursor", sa.Text(), nullable=False, server_default=""),
        sa.Column(f"{name}_round", sa.Integer(), nullable=False, server_default="1"),
        sa.Column(f"{name}_whole", sa.Integer(), nullable=False, server_default="1"),
        sa.Column(f"{name}_ended", sa.Float(), nullable=False, server_default="0"),
        sa.Column(f"{name}_problem", sa.Text(), nullable=False, server_default=""),
    )


def _mirror() -> None:
    op.create_table(
        "source_item",
        _source(),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("retry_at", sa.Float(), nullable=False, server_default="0"),
        sa.Column("document", sa.Text()),
        sa.Column("listed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("ruled", sa.Integer(), nullable=False, server_default="0"),
        sa.CheckConstraint(
            "state IN ('waiting', 'stored', 'dead', 'unlisted')", name="source_item_state_known"
        ),
    )
    op.create_index("source_item_state", "source_item", ["source", "state", "retry_at"])
    op.create_index("source_item_scope", "source_item", ["source", "scope"])
    op.create_index("source_item_path", "source_item", ["source", "path"])
    op.create_table(
        "source_scope",
        _source(),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("stated", sa.Text(), nullable=False),
        sa.Column("depends", sa.Integer(), nullable=False),
        sa.Column("ruled", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_table(
        "source_account",
        _source(),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.Column("guest", sa.Integer(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
    )
    op.create_table(
        "source_team",
        _source(),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
    )


def _source() -> sa.Column[object]:
    return sa.Column("source", sa.Text(), sa.ForeignKey("source.name"), primary_key=True)
