"""The database records which embedding model searches use, and what the index holds carries a generation."""

import sqlalchemy as sa
from alembic import op

from muniment.foundation.postgres import compare_bytes, run_script

revision = "0006"
down_revision = "0005"

_KNOWN = {
    "sha256:68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743+cls-normalised-1": (
        "bge-small-en-v1.5-int8",
        384,
    )
}
"""Name and dimensions by digest; of another, the digest is the name and the dimensions are 0."""

_POSTGRES = """
ALTER TABLE index_document ADD COLUMN generation integer NOT NULL DEFAULT 0;
ALTER TABLE index_document DROP CONSTRAINT index_document_document_key;
ALTER TABLE index_document ADD CONSTRAINT index_document_document_key UNIQUE (document, generation);
CREATE OR REPLACE FUNCTION readable_numbers() RETURNS SETOF integer
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 1000 SET search_path FROM CURRENT AS $body$
  SELECT i.number FROM document d JOIN index_document i ON i.document = d.id
  WHERE d.access_class = ANY (nullif(current_setting('muniment.classes', true), '')::integer[])
    AND i.generation = coalesce((SELECT generation FROM index_model WHERE state = 'live'), 0)
$body$;
"""

_MOST_ROWS = {
    "sqlite": "SELECT model FROM segment WHERE model <> '' GROUP BY model ORDER BY sum(\"rows\") DESC, model",
    "postgresql": (
        "SELECT model FROM index_document WHERE model <> '' GROUP BY model ORDER BY sum(chunks) DESC, model"
    ),
}


def upgrade() -> None:
    """Make the table; the model of most rows of an index is the one in use."""
    connection = op.get_bind()
    op.create_table(
        "index_model",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('live', 'building')", name="index_model_state"),
        sa.PrimaryKeyConstraint("state"),
    )
    op.add_column("segment", sa.Column("generation", sa.Integer(), nullable=False, server_default="0"))
    if connection.dialect.name == "postgresql":
        compare_bytes(connection)
        run_script(connection, _POSTGRES)
    digest = connection.exec_driver_sql(_MOST_ROWS[connection.dialect.name]).scalar()
    if digest is None:
        return
    name, dimensions = _KNOWN.get(digest, (digest, 0))
    at = connection.exec_driver_sql("SELECT coalesce(max(at), '') FROM audit_entry").scalar()
    enter = sa.text("INSERT INTO index_model VALUES ('live', :digest, :name, :dimensions, 0, :at)")
    connection.execute(enter, {"digest": digest, "name": name, "dimensions": dimensions, "at": at})
