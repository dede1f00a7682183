"""How far a long command is, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from muniment.interfaces.cli.terminal import TERMINAL


@contextmanager
def progress() -> Generator[Callable[[str], Callable[[int, int], None]]]:
    """A bar for each stage on a terminal; elsewhere one line for each."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = TERMINAL.err
    if not console.is_terminal:
        said: set[str] = set()

        def line(words: str) -> Callable[[int, int], None]:
            def tell(done: int, total: int) -> None:
                if total and words not in said:
                    said.add(words)
                    console.print(f"{words} ({total}) ...")

            return tell

        yield line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(complete_style="cyan"))
    bar = Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console)

    def drawn(words: str) -> Callable[[int, int], None]:
        task = bar.add_task(words, total=None, visible=False)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=total > 0)

        return advance

    with bar:
        yield drawn
