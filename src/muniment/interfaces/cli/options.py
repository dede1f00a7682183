"""Options that several commands share, and the shape of their help."""

from __future__ import annotations

from typing import Annotated

import typer

AsUser = Annotated[
    str,
    typer.Option(
        "--as", metavar="USER", help="Who asks: a user's name, or service:NAME. The log records it."
    ),
]


def example(*lines: str) -> str:
    """Return the closing lines of a command's help."""
    return "Example: " + "\n\n".join(lines)
