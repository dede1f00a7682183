"""Where the log lies in the database."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
    sa.Index("audit_entry_kind", "kind", "seq"),
    sa.Index("audit_entry_actor", "actor", "seq"),
)
"""`body` is the RFC 8785 JSON that is hashed; the other columns repeat it so that it can be searched."""

audit_tree = sa.Table(
    "audit_tree",
    metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("frontier", sa.LargeBinary, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
)
"""One row: the tree after the last entry."""

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

audit_tile = sa.Table(
    "audit_tile",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
)
"""Roots of full subtrees of 256, 256 times 256, ... entries. They follow the entries and can be made from them."""

audit_witness = sa.Table(
    "audit_witness",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("behind", sa.Boolean, nullable=False),
)
"""What each witness of this log was last brought: `text` is the checkpoint as it came back."""

audit_witnessed = sa.Table(
    "audit_witnessed",
    metadata,
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
"""The last checkpoint of each other log that this workspace co-signed."""

audit_subject = sa.Table(
    "audit_subject",
    metadata,
    sa.Column("pseudonym", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
"""Whom the log speaks of: the name is sealed under the person's own key, which lies elsewhere."""

audit_subject_keys = sa.Table(
    "audit_subject_keys",
    metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    sa.Column("mark", sa.Text, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
)
"""One row: which file holds the keys, and a word that changes whenever somebody is erased."""

audit_erasure = sa.Table("audit_erasure", metadata, sa.Column("place", sa.Text, primary_key=True))
"""Who was erased: keyed digests of names, which say nothing of pseudonyms."""
