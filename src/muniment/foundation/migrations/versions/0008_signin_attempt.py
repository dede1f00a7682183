"""Sign-ins through a provider that have begun, and which provider vouched for a session."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table, and the column: sessions of before were opened by local links."""
    connection = op.get_bind()
    op.create_table(
        "signin_attempt",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.add_column("session", sa.Column("issuer", sa.Text(), nullable=False, server_default=""))
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
