"""What language models were asked for, by day and by whom."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table; of before nothing is known."""
    op.create_table(
        "model_usage",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "who"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
