"""What is frozen, incidents, from where keys are used, and how far detection has looked."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0025"
down_revision = "0024"

_COLUMNS = (
    "id", "state", "rule", "subject", "severity", "says", "opened_at", "opened_by", "last_at", "count", "entries",
    "closed_at", "closed_by", "outcome",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables; nothing is frozen."""
    op.create_table(
        "frozen",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "name", "incident", "at", "by")),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_table(
        "incident",
        *(
            sa.Column(name, sa.Integer() if name == "count" else sa.Text(), nullable=False)
            for name in _COLUMNS
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incident_open", "incident", ["state", "rule", "subject"])
    op.create_table(
        "api_key_place",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("key", "place", "at")),
        sa.PrimaryKeyConstraint("key", "place"),
    )
    op.create_table(
        "detection_place",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("next", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1"),
        sa.PrimaryKeyConstraint("id"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
