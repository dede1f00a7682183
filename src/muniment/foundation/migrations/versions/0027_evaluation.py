"""Runs of suites, and what came of each case."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0027"
down_revision = "0026"

_RUN = (
    "id", "suite", "suite_digest", "kind", "subject", "lineage", "place", "corpus", "targets", "started", "finished",
    "by",
)  # fmt: skip
_RESULT = (
    "run", "case_id", "place", "digest", "asker", "question", "tags", "status", "scores", "answer", "detail", "error",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "evaluation_run",
        *(sa.Column(name, sa.Text(), nullable=False) for name in _RUN),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("suite_version", "cases")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("evaluation_run_started", "evaluation_run", ["suite", "started"])
    op.create_table(
        "evaluation_result",
        *(sa.Column(name, sa.Text(), nullable=False) for name in _RESULT),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run", "case_id"),
    )
    op.create_index("evaluation_result_place", "evaluation_result", ["place", "digest"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
