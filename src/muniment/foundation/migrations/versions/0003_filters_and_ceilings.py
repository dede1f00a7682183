"""A document carries author and time of its current version, for filters; an account carries a clearance."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them; the author of a document of before is empty until its file changes."""
    op.add_column("document", sa.Column("author", sa.Text(), nullable=False, server_default=""))
    op.add_column("document", sa.Column("modified_at", sa.Text(), nullable=False, server_default=""))
    op.execute(
        "UPDATE document SET modified_at = coalesce((SELECT v.modified_at FROM document_version AS v"
        " WHERE v.document = document.id AND v.version = document.version), '')"
    )
    for table in ("directory_user", "directory_service"):
        op.add_column(table, sa.Column("clearance", sa.Text(), nullable=False, server_default=""))
