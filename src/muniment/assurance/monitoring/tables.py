"""The tables of reviews and of outcomes."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

review_set = sa.Table(
    "review_set",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("seed", sa.Text, nullable=False),
    sa.Column("strata", sa.Text, nullable=False),
)
"""`strata` says, in JSON, how many answers each stratum had and how many of them were drawn."""
review_item = sa.Table(
    "review_item",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("review_set", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("stratum", sa.Text, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Index("review_item_set", "review_set"),
    sa.Index("review_item_answer", "answer"),
)
review_label = sa.Table(
    "review_label",
    metadata,
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("reviewer", sa.Text, primary_key=True),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("settles", sa.Boolean, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("review_label_answer", "answer"),
)
"""`answer` stands here too, so that a label goes with the answer that it is about."""
outcome = sa.Table(
    "outcome",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("outcome_at", "at"),
)
"""What came of an answer, an action or a run, as somebody reported it."""
