"""By what texts are known again: sketches of documents, and lines near their edges."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

document_sketch = sa.Table(
    "document_sketch",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("rules", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary),
    sa.Index("document_sketch_digest", "digest"),
)
document_band = sa.Table(
    "document_band",
    metadata,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Index("document_band_document", "document"),
)
document_line = sa.Table(
    "document_line",
    metadata,
    sa.Column("document", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, sa.ForeignKey("source.name"), nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Index("document_line_source", "source", "key"),
)
