"""Where releases lie: each as it was built, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.database import metadata

release = sa.Table(
    "release",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("prompts", sa.Text, nullable=False),
    sa.Column("sections", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Never changes. `prompts` are the files of the prompts chosen, by purpose; `sections` the digests of the sections of
the settings; `settings` the text of settings.toml as built."""

release_stage = sa.Table(
    "release_stage",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("second", sa.Text),
    sa.Column("at", sa.Text, nullable=False),
    sa.Index("release_stage_release", "release"),
)
"""What became of releases, in order. `verdict` is JSON: what was found, or what a waiver or a canary is of; `second`
who stands by a waiver."""
