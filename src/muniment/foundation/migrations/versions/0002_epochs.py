"""Each change to a document carries an epoch, so that an index can ask for what changed since."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the epoch; documents of before have 0."""
    op.add_column("document", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("document_epoch", "document", ["epoch"], unique=False)
