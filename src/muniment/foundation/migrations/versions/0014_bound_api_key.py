"""The client certificate that an API key is bound to, where it is."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; keys of before are bound to none."""
    op.add_column("api_key", sa.Column("certificate", sa.Text(), nullable=True))
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
