"""Conversations: which questions were asked after which, and who else may read them."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the tables; answers that were given before belong to no conversation."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("conversation_owner", "conversation", ["owner", "changed"])
    op.create_table(
        "conversation_turn",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("standalone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", "number"),
    )
    op.create_index("conversation_turn_answer", "conversation_turn", ["answer"], unique=True)
    op.create_table(
        "conversation_share",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", "subject"),
    )
    op.create_index("conversation_share_subject", "conversation_share", ["subject"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
