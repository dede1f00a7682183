"""Names of people in the log as pseudonyms, what was erased, and what is held back from that."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the tables; entries of before keep the names that they have."""
    op.create_table(
        "audit_subject",
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym"),
    )
    op.create_table(
        "audit_subject_keys",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_erasure",
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.Text()),
        sa.Column("lifted_by", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
