"""Fetching weights with a progress bar, where they may be fetched at all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.inference.carriers import Progress
    from muniment.settings import Settings


def outside(settings: Settings) -> None:
    """Raise Denied where nothing may be fetched from outside the operator's network."""
    if settings.network.private:
        from muniment.foundation.errors import Denied

        raise Denied(
            "Weights lie outside your own network, and network.private = true.",
            fix="Bring their folder here and run `muniment models fetch --from FOLDER`.",
        )


@contextmanager
def download_bar(console: Console) -> Generator[Progress]:
    """A bar in bytes on a terminal; elsewhere one line."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    if not console.is_terminal:
        console.print("Fetching model weights ...")
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(complete_style="cyan"), DownloadColumn())
    bar = Progress(*columns, TransferSpeedColumn(), console=console)
    task = bar.add_task("Fetching model weights", total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)
