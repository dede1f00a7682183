"""How results look to a person: calm, readable at 80 columns and without colour.

Every text from documents, questions or models passes `visible` and is placed as plain text, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from muniment.interfaces.cli.terminal import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from muniment.assistant.values import Citation
    from muniment.knowledge.passage import Passage, Retrieval

ACCENT = "cyan"
QUIET = "dim"
GOOD = "green"
WARN = "yellow"
BAD = "red"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a plain table."""
    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in head:
        made.add_column(Text(name), overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def facts_table(facts: Mapping[str, object]) -> Table:
    """Return names and values, one line each; nested values as short JSON."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style=QUIET, no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in facts.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        made.add_row(Text(name.replace("_", " ")), Text(visible(shown)))
    return made


def place(title: str, version: int, page: int | None) -> str:
    """Return where a text stands, in words."""
    return visible(title) + (f", page {page}" if page is not None else "") + f" (version {version})"


def passages(found: Retrieval) -> list[RenderableType]:
    """Return the passages of a search, best first."""
    shown: list[RenderableType] = []
    for number, passage in enumerate(found.passages, 1):
        shown.append(_head(number, passage))
        shown.append(Padding(Text(shortened(passage.text, 320)), (0, 0, 0, 4)))
        if passage.why:
            cosine = "none" if passage.why.cosine is None else f"{passage.why.cosine:.3f}"
            terms = ", ".join(passage.why.terms) or "none"
            why = f"words {passage.why.words:.2f} ({terms}), cosine {cosine}"
            shown.append(Padding(Text(visible(why), style=QUIET), (0, 0, 0, 4)))
        if passage.twins:
            titles = "; ".join(place(twin.title, twin.version, None) for twin in passage.twins)
            shown.append(Padding(Text(f"the same in: {titles}", style=QUIET), (0, 0, 0, 4)))
    if not found.passages:
        shown.append(Text("Nothing that you may read matches."))
    words = f"{len(found.passages)} passages in {found.took_ms:.0f} ms as {found.principal}"
    shown.append(Text("\n" + words, style=QUIET))
    shown.extend(Text(f"Note: {visible(note)}", style=QUIET) for note in found.notes)
    return shown


def _head(number: int, passage: Passage) -> Text:
    line = Text(f"{number:>2}. ", style=QUIET)
    line.append(place(passage.title, passage.version, passage.page), style="bold")
    line.append(f"  {passage.score:.3f}", style=QUIET)
    line.append(f"\n    {visible(passage.source)}/{visible(passage.path)}", style=QUIET)
    return line


def citation(found: Citation) -> Text:
    """Return a citation: number, quote, and where it stands."""
    line = Text(f"[{found.n}] ", style=ACCENT)
    line.append(f"\u201c{shortened(found.quote, 400)}\u201d", style="italic")
    line.append(f"\n    {place(found.title, found.version, found.page)}", style="bold")
    line.append(f"  {found.document}", style=QUIET)
    return line


def shortened(text: str, most: int) -> str:
    """Return `text` on one line, cut at a word after `most` characters."""
    flat = " ".join(visible(text).split())
    if len(flat) <= most:
        return flat
    return flat[:most].rsplit(" ", 1)[0] + " \u2026"
