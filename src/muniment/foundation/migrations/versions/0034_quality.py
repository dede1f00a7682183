"""What ingestion flags, what it holds back until a person decides, and by what it knows texts again."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes

revision = "0034"
down_revision = "0033"

_STATES = "state IN ('held', 'released', 'rejected')"


def upgrade() -> None:
    """Make the tables; what is stored already is looked at by the next ingest of its source."""
    op.add_column("document_version", sa.Column("withheld", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "document_flag",
        sa.Column("document", sa.Text(), sa.ForeignKey("document.id"), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
    )
    op.create_table(
        "quarantine",
        sa.Column("document", sa.Text(), sa.ForeignKey("document.id"), primary_key=True),
        sa.Column("content_hash", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_at", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint(_STATES, name="quarantine_state"),
    )
    op.create_index("quarantine_of_state", "quarantine", ["state", "held_at"])
    op.create_table(
        "document_sketch",
        sa.Column("document", sa.Text(), sa.ForeignKey("document.id"), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary()),
    )
    op.create_index("document_sketch_digest", "document_sketch", ["digest"])
    op.create_table(
        "document_band",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("document", sa.Text(), sa.ForeignKey("document.id"), primary_key=True),
    )
    op.create_index("document_band_document", "document_band", ["document"])
    op.create_table(
        "document_line",
        sa.Column("document", sa.Text(), sa.ForeignKey("document.id"), primary_key=True),
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text(), sa.ForeignKey("source.name"), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
    )
    op.create_index("document_line_source", "document_line", ["source", "key"])
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
        for table in ("document_flag", "quarantine"):
            for sql in (
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY whole ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)",
                f"CREATE POLICY readable ON {table} FOR SELECT USING "
                f"(EXISTS (SELECT FROM document d WHERE d.id = {table}.document))",
            ):
                connection.exec_driver_sql(sql)
