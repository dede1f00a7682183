"""Where the policy of a workspace lies: texts, which one is in force, who holds which role, emergency access."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

policy_version = sa.Table(
    "policy_version",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("policies", sa.Text, nullable=False),
    sa.Column("cases", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)
"""A text never changes: its version is its digest. `cases` is what it was tested on, as TOML."""

policy_activation = sa.Table(
    "policy_activation",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)
"""The one of the highest number is in force; where there is none, the policy that ships."""

role_grant = sa.Table(
    "role_grant",
    metadata,
    sa.Column("member", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)

first_administrator = sa.Table(
    "first_administrator",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("member", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.CheckConstraint("number = 1", name="first_administrator_is_one"),
)
"""One row at most, whoever writes."""

emergency_access = sa.Table(
    "emergency_access",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", sa.Text, nullable=False),
    sa.Column("approved_by", sa.Text),
    sa.Column("approved_at", sa.Text),
    sa.Column("expires_at", sa.Text),
    sa.Column("ended_at", sa.Text),
    sa.Column("ended_by", sa.Text),
    sa.Index("emergency_access_subject", "subject"),
)
