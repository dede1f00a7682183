"""The groups that the provider's token gave to a session, by which rule, and the one first administrator."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns, sessions of before were given none, and the table, which holds one row at most."""
    op.add_column("session", sa.Column("group_rule", sa.Text(), nullable=False, server_default=""))
    op.add_column("session", sa.Column("claimed", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "first_administrator",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.CheckConstraint("number = 1", name="first_administrator_is_one"),
        sa.PrimaryKeyConstraint("number"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
