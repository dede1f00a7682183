"""Where it lies what must not be erased yet."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

legal_hold = sa.Table(
    "legal_hold",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("lifted_at", sa.Text),
    sa.Column("lifted_by", sa.Text),
)
"""`subject` is a person, or `workspace` for everything in it."""
