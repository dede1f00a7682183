"""How far each copy of the log is."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Make the table; a copy begins when a server next looks."""
    op.create_table(
        "audit_sink",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.Text(), nullable=False),
        sa.Column("behind_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
