"""How the story looks: chapters, people side by side, verdicts. Fits 80 columns, with and without a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from muniment.assistant.values import Answer, Citation
from muniment.foundation.clock import Clock
from muniment.interfaces.cli.render import ACCENT, BAD, GOOD, QUIET, shortened
from muniment.interfaces.cli.terminal import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MOST_CLAIMS = 3
CLAIM = 200
BAR = 34


class Stage:
    """The console on which the story is told, and the stopwatch of its chapters."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self.console = console
        self._clock = clock
        self._started = clock.seconds()
        self._chapter: float | None = None

    def opening(self, title: str, words: str) -> None:
        """Say what this is."""
        text = Group(Text(title, style="bold"), Text(words))
        self.console.print(Panel(text, box=box.ROUNDED, border_style=ACCENT, padding=(1, 3)))

    def chapter(self, number: int, title: str, words: str) -> None:
        """Begin a chapter."""
        self.end_chapter()
        self._chapter = self._clock.seconds()
        self.console.print()
        self.console.print(
            Rule(Text(f" {number}  {title} ", style=f"bold {ACCENT}"), align="left", style=ACCENT)
        )
        self.console.print(Text(words, style=QUIET))
        self.console.print()

    def end_chapter(self) -> None:
        """Say how long the chapter took."""
        if self._chapter is not None:
            seconds = self._clock.seconds() - self._chapter
            self.console.print(Text(f"{seconds:.1f} s", style=QUIET), justify="right")
            self._chapter = None

    def seconds(self) -> float:
        """Return the seconds since the story began."""
        return self._clock.seconds() - self._started

    def say(self, words: str, style: str = "") -> None:
        """Write a line."""
        self.console.print(Text(visible(words), style=style))

    def indented(self, line: str, style: str) -> None:
        """Write a line whose leading blanks also hold where it wraps; long digests are cut."""
        left = len(line) - len(line.lstrip())
        text = re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]+", "\\1\u2026", visible(line.strip()))
        self.console.print(Padding(Text(text, style=style), (0, 0, 0, left + 2)))

    def verdict(self, good: bool, words: str) -> None:
        """Write what a check found."""
        mark = Text("  \u2713 " if good else "  \u2717 ", style=f"bold {GOOD if good else BAD}")
        body = Table.grid()
        body.add_column(width=4)
        body.add_column()
        body.add_row(mark, Text(visible(words)))
        self.console.print(body)

    def question(self, words: str) -> None:
        """Write a question that is asked."""
        self.console.print(Text(f"\u201c{visible(words)}\u201d", style="bold"))

    def bars(self, counts: Mapping[str, int]) -> None:
        """Draw counts as bars, most first."""
        most = max(counts.values(), default=1)
        drawn = Table.grid(padding=(0, 1))
        drawn.add_column(justify="right", min_width=7)
        drawn.add_column(justify="right", min_width=4)
        drawn.add_column()
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            bar = "\u2588" * max(1, round(BAR * count / most))
            drawn.add_row(Text(name.lstrip(".")), Text(str(count)), Text(bar, style=ACCENT))
        self.console.print(drawn)

    def side_by_side(self, panels: Sequence[Panel]) -> None:
        """Put panels next to each other, as wide as the console allows."""
        width = self.console.width // len(panels)
        options = self.console.options.update(width=width)
        height = max(len(self.console.render_lines(panel, options)) for panel in panels)
        row = Table.grid(expand=False)
        for panel in panels:
            row.add_column(width=width)
            panel.height = height
        row.add_row(*panels)
        self.console.print(row)

    def boxed(self, title: str, words: str, style: str) -> None:
        """Put a text in a box."""
        self.console.print(
            Panel(
                Text(visible(words)),
                title=Text(title),
                title_align="left",
                border_style=style,
                box=box.ROUNDED,
            )
        )

    def compared(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Put values from before and after in two columns."""
        drawn = Table.grid(padding=(0, 2))
        for name in after:
            same = before.get(name) == after[name]
            mark = Text("=", style=GOOD) if same else Text("\u2260", style=BAD)
            old, new = (shown[:28].removeprefix("sha256:") for shown in (before.get(name, ""), after[name]))
            drawn.add_row(Text(f"      {name}", style=QUIET), Text(old), mark, Text(new))
        self.console.print(drawn)


def answered(who: str, role: str, answer: Answer) -> Panel:
    """Return one person's answer with its citations as a panel."""
    found = answer.status == "answered"
    parts: list[RenderableType] = [Text(visible(role), style=QUIET), Text("")]
    if found:
        parts += [Text(shortened(part, CLAIM)) for part in _claims(answer)]
        parts.append(Text(""))
        parts += _sources(answer.citations[:MOST_CLAIMS])
        left = len(answer.citations) - MOST_CLAIMS
        if left > 0:
            parts.append(Text(f"and {left} more", style=QUIET))
    else:
        parts.append(Text(visible(answer.answer), style="italic"))
    title = Text(visible(who), style="bold")
    return Panel(
        Group(*parts),
        title=title,
        title_align="left",
        border_style=GOOD if found else QUIET,
        box=box.ROUNDED,
    )


def _claims(answer: Answer) -> list[str]:
    """Return the first claims, each ending in its citation mark."""
    claims: list[str] = []
    rest = answer.answer
    for citation in answer.citations[:MOST_CLAIMS]:
        head, mark, rest = rest.partition(f"[{citation.n}]")
        claims.append(f"{head.strip()} {mark}".strip())
    return claims or [answer.answer]


def _sources(citations: Sequence[Citation]) -> list[Text]:
    """Return each cited place once, behind the marks that lead to it."""
    places: dict[str, list[int]] = {}
    for one in citations:
        page = f", page {one.page}" if one.page is not None else ""
        places.setdefault(f"{shortened(one.title, 60)}{page}", []).append(one.n)
    lines: list[Text] = []
    for place, marks in places.items():
        line = Text("".join(f"[{n}]" for n in marks) + " ", style=ACCENT)
        line.append(place, style=QUIET)
        lines.append(line)
    return lines
