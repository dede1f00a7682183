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

Source = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME", help="Only this source."),
]
Folder = Annotated[
    list[str] | None,
    typer.Option("--folder", metavar="PATH", help="Only PATH or SOURCE/PATH and below."),
]
Type = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only pdf, docx, email, …"),
]
Author = Annotated[
    list[str] | None,
    typer.Option("--author", metavar="NAME", help="Only by an author of this name."),
]
Sensitivity = Annotated[
    list[str] | None,
    typer.Option("--sensitivity", metavar="LABEL", help="Only with this label."),
]
After = Annotated[
    str | None,
    typer.Option("--after", metavar="DATE", help="Only changed then or later."),
]
Before = Annotated[
    str | None,
    typer.Option("--before", metavar="DATE", help="Only changed earlier."),
]


def example(*lines: str) -> str:
    """Return the closing lines of a command's help."""
    return "Example: " + "\n\n".join(lines)
