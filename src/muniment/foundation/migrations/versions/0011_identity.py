"""The groups that the provider's token gave to a session, and by which rule."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns: sessions of before were given none."""
    op.add_column("session", sa.Column("group_rule", sa.Text(), nullable=False, server_default=""))
    op.add_column("session", sa.Column("claimed", sa.Text(), nullable=False, server_default="[]"))
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
