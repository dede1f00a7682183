"""A version carries the language that most of it is written in."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Add it; of a version of before it is not known."""
    op.add_column("document_version", sa.Column("language", sa.Text(), nullable=False, server_default=""))
