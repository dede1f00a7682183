"""The tables that hold documents, their versions and chunks, the access list of each, and the index manifest."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

LEAVING = "leaving"
"""The kind of a source that is being removed."""
NO_SOURCE = ""
"""The source of what is left of documents whose source was removed: their ids, that none is given again."""

source = sa.Table(
    "source",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("synced_at", sa.Text),
)
access_class = sa.Table(
    "access_class",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("allow", sa.Text, nullable=False),
    sa.Column("deny", sa.Text, nullable=False),
    sa.Column("sensitivity", sa.Text),
    sqlite_autoincrement=True,
)
access_override = sa.Table(
    "access_override",
    metadata,
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("access_class", sa.Integer, sa.ForeignKey("access_class.id"), nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)
document = sa.Table(
    "document",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("access_class", sa.Integer, sa.ForeignKey("access_class.id"), nullable=False),
    sa.Column("source_access_class", sa.Integer, sa.ForeignKey("access_class.id"), nullable=False),
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("author", sa.Text, nullable=False, server_default=""),
    sa.Column("modified_at", sa.Text, nullable=False, server_default=""),
    sa.Index("document_epoch", "epoch"),
    sa.Index("document_path", "source", "path"),
    sa.Index("document_origin", "source", "origin"),
    sa.Index("document_access_class", "access_class"),
    sa.Index("document_source_access_class", "source_access_class"),
)
document_version = sa.Table(
    "document_version",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("modified_at", sa.Text, nullable=False),
    sa.Column("stored_at", sa.Text, nullable=False),
    sa.Column("units", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("chunking", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.Text, nullable=False, server_default=""),
    sa.Column("stated", sa.Text),
    sa.Column("withheld", sa.Integer, nullable=False, server_default="0"),
)
document_label = sa.Table(
    "document_label",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("rules", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)
version_original = sa.Table(
    "version_original",
    metadata,
    sa.Column("document", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(
        ["document", "version"], ["document_version.document", "document_version.version"], ondelete="CASCADE"
    ),
)
chunk = sa.Table(
    "chunk",
    metadata,
    sa.Column("document", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("heading", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
name_label = sa.Table(
    "name_label",
    metadata,
    sa.Column("document", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("labeller", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("spans", sa.Text, nullable=False),
)
segment = sa.Table(
    "segment",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
)
index_model = sa.Table(
    "index_model",
    metadata,
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("dimensions", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('live', 'building')", name="index_model_state"),
)
