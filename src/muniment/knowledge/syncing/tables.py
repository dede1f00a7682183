"""What is mirrored of a source: its connection, its items and scopes, and its accounts and groups."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

source_connection = sa.Table(
    "source_connection",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("access_cursor", sa.Text, nullable=False, server_default=""),
    sa.Column("access_round", sa.Integer, nullable=False, server_default="1"),
    sa.Column("access_whole", sa.Integer, nullable=False, server_default="1"),
    sa.Column("access_began", sa.Float, nullable=False, server_default="0"),
    sa.Column("access_ended", sa.Float, nullable=False, server_default="0"),
    sa.Column("access_problem", sa.Text, nullable=False, server_default=""),
    sa.Column("content_cursor", sa.Text, nullable=False, server_default=""),
    sa.Column("content_round", sa.Integer, nullable=False, server_default="1"),
    sa.Column("content_whole", sa.Integer, nullable=False, server_default="1"),
    sa.Column("content_ended", sa.Float, nullable=False, server_default="0"),
    sa.Column("content_problem", sa.Text, nullable=False, server_default=""),
    sa.Column("people", sa.Text, nullable=False, server_default=""),
    sa.Column("alarmed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("woken", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("state IN ('active', 'paused', 'leaving')", name="source_connection_state"),
)
source_item = sa.Table(
    "source_item",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_at", sa.Float, nullable=False, server_default="0"),
    sa.Column("document", sa.Text),
    sa.Column("listed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("ruled", sa.Integer, nullable=False, server_default="0"),
    sa.Index("source_item_state", "source", "state", "retry_at"),
    sa.Index("source_item_scope", "source", "scope"),
    sa.Index("source_item_path", "source", "path"),
    sa.CheckConstraint("state IN ('waiting', 'stored', 'dead', 'unlisted')", name="source_item_state_known"),
)
source_scope = sa.Table(
    "source_scope",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("stated", sa.Text, nullable=False),
    sa.Column("depends", sa.Integer, nullable=False),
    sa.Column("ruled", sa.Integer, nullable=False, server_default="0"),
)
source_account = sa.Table(
    "source_account",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("active", sa.Integer, nullable=False),
    sa.Column("guest", sa.Integer, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
)
source_team = sa.Table(
    "source_team",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("members", sa.Text, nullable=False),
)
