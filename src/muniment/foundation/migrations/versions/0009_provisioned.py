"""What an identity provider provisioned, beside the accounts and groups of the directory."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table: what there is so far comes from the directory file."""
    connection = op.get_bind()
    op.create_table(
        "provisioned",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ref"),
        sa.UniqueConstraint("kind", "external_id"),
    )
    op.create_index("directory_membership_group", "directory_membership", ["group_name"], unique=False)
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
