"""Cuts stored text into runs of plain and marked characters."""

from __future__ import annotations

from muniment.interfaces.web.reading.views import Run

Span = tuple[int, int]


class Marker:
    """Marks one stretch of a text wherever parts of it are shown; its first mark is where links lead to."""

    def __init__(self, text: str, at: Span | None, *, target: bool = True) -> None:
        """Without `target`, links lead elsewhere."""
        self.text = text
        self.mark = at or (0, 0)
        self._wanted = target

    def runs(self, first: int, last: int, *, quiet: bool = False) -> tuple[Run, ...]:
        """Return the characters `first` to `last`, less line ends about them where nothing is marked."""
        start, end = max(first, self.mark[0]), min(last, self.mark[1])
        if start >= end:
            return (Run(self.text[first:last].strip("\n"), False, quiet=quiet),)
        target, self._wanted = self._wanted and not quiet, self._wanted and quiet
        pieces = (
            Run(self.text[first:start], False, quiet=quiet),
            Run(self.text[start:end], True, target, quiet),
            Run(self.text[end:last], False, quiet=quiet),
        )
        return tuple(run for run in pieces if run.text)

    def touches(self, first: int, last: int) -> bool:
        """Return whether any of the characters `first` to `last` is marked."""
        return max(first, self.mark[0]) < min(last, self.mark[1])
