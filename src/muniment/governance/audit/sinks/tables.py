"""How far each copy of the log is."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

audit_sink = sa.Table(
    "audit_sink",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Text, nullable=False),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("taken_at", sa.Text, nullable=False),
    sa.Column("behind_at", sa.Text, nullable=False),
)
"""`next` is the place of the first entry that was not taken; `behind_at` is empty while the copy keeps up."""
