"""Labels: where names of persons and places stand in chunks."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the table; documents that were taken in before have no labels."""
    op.create_table(
        "name_label",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("labeller", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document", "version", "ordinal"),
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
