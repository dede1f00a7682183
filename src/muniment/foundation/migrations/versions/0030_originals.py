"""The bytes that a version was read from, beside its text."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0030"
down_revision = "0029"

_READABLE = "EXISTS (SELECT FROM document d WHERE d.id = version_original.document)"


def upgrade() -> None:
    """Make the table, on Postgres under row-level security; of versions that are there no bytes were kept."""
    op.create_table(
        "version_original",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("document", "version"),
        sa.ForeignKeyConstraint(
            ["document", "version"],
            ["document_version.document", "document_version.version"],
            ondelete="CASCADE",
        ),
    )
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    compare_bytes(connection)
    for sql in (
        "ALTER TABLE version_original ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE version_original FORCE ROW LEVEL SECURITY",
        "CREATE POLICY whole ON version_original TO CURRENT_USER USING (true) WITH CHECK (true)",
        f"CREATE POLICY readable ON version_original FOR SELECT USING ({_READABLE})",
    ):
        connection.exec_driver_sql(sql)
