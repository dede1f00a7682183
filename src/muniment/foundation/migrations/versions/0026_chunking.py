"""By what rules each version of a document was cut."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the column; what is stored already says nothing, and was cut by the rules as they were first shipped."""
    op.add_column("document_version", sa.Column("chunking", sa.Text(), nullable=False, server_default=""))
