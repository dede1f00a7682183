"""Samples of answers, what reviewers say of them, and what came of answers, actions and runs."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0029"
down_revision = "0028"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables; nothing was reviewed."""
    op.create_table(
        "review_set",
        *_texts("id", "at", "by", "reason", "since", "until", "seed", "strata"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "review_item",
        *_texts("id", "review_set", "answer", "stratum"),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "review_label",
        *_texts("item", "reviewer", "answer", "verdict", "note", "at"),
        sa.Column("settles", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("item", "reviewer"),
    )
    op.create_table(
        "outcome",
        *_texts("target", "by", "kind", "result", "at"),
        sa.PrimaryKeyConstraint("target", "by"),
    )
    op.create_index("review_item_set", "review_item", ["review_set"])
    op.create_index("review_item_answer", "review_item", ["answer"])
    op.create_index("review_label_answer", "review_label", ["answer"])
    op.create_index("outcome_at", "outcome", ["at"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
