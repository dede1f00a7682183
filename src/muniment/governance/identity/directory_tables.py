"""The tables of who exists and which groups they are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import sqlalchemy as sa

from muniment.foundation.database import metadata

Kind = Literal["user", "service"]
directory_user = sa.Table(
    "directory_user",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("active", sa.Integer, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("clearance", sa.Text, nullable=False, server_default=""),
)
directory_service = sa.Table(
    "directory_service",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("active", sa.Integer, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("clearance", sa.Text, nullable=False, server_default=""),
)
directory_group = sa.Table(
    "directory_group",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
)
directory_membership = sa.Table(
    "directory_membership",
    metadata,
    sa.Column("member", sa.Text, primary_key=True),
    sa.Column("group_name", sa.Text, primary_key=True),
    sa.Index("directory_membership_group", "group_name"),
)
ACCOUNTS: Mapping[Kind, sa.Table] = {"user": directory_user, "service": directory_service}
