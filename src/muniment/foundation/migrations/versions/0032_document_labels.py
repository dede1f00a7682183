"""What a document's sensitivity is raised to, and what each version's file says of its own."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0032"
down_revision = "0031"

_READABLE = "EXISTS (SELECT FROM document d WHERE d.id = document_label.document)"


def upgrade() -> None:
    """Make table and column; of files that were read before, it is not known what they say."""
    op.add_column("document_version", sa.Column("stated", sa.Text(), nullable=True))
    op.create_table(
        "document_label",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document"),
        sa.ForeignKeyConstraint(["document"], ["document.id"], ondelete="CASCADE"),
    )
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    compare_bytes(connection)
    for sql in (
        "ALTER TABLE document_label ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE document_label FORCE ROW LEVEL SECURITY",
        "CREATE POLICY whole ON document_label TO CURRENT_USER USING (true) WITH CHECK (true)",
        f"CREATE POLICY readable ON document_label FOR SELECT USING ({_READABLE})",
    ):
        connection.exec_driver_sql(sql)
