"""What language models were asked for."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

model_usage = sa.Table(
    "model_usage",
    metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("who", sa.Text, primary_key=True),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=False),
)
"""One row for each day (UTC) and principal, and one of an empty name for all together; cost in millionths."""
