"""What language models were asked for, and the prompts that they are asked with."""

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

prompt_version = sa.Table(
    "prompt_version",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)
"""A prompt file as it was when it was promoted; it never changes."""

prompt_stage = sa.Table(
    "prompt_stage",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)
"""Of a purpose, the `live` one of the highest number is in use; where there is none, the prompt that ships."""
