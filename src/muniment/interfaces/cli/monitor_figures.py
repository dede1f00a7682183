"""monitor: figures of all answers, of sources and of outcomes, and cases made of findings."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
