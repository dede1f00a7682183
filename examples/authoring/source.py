"""Reads the authoring format: several documents in one text file, each a small subset of Markdown.

A line `=== path` starts a document. Inside it `# ` is the title, `## ` and `### ` are headings (a slide or a sheet
in decks and workbooks), `- ` is a bullet, `Notes: ` is a speaker note, `~ ` is a paragraph that readers do not see
on the page (hidden text, for the poisoned samples) and rows in pipes are a table whose first row is its header.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Block:
    kind: str  # title, section, heading, bullet, note, hidden, paragraph, table
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


PREFIXES = (
    ("# ", "title"),
    ("## ", "section"),
    ("### ", "heading"),
    ("- ", "bullet"),
    ("Notes: ", "note"),
    ("~ ", "hidden"),
)


def documents(folder: Path) -> Iterator[tuple[str, list[Block]]]:
    """Every document of every content file, in a fixed order, as its path and its blocks."""
    for file in sorted(folder.glob("*.md")):
        path, lines = "", list[str]()
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("=== "):
                if path:
                    yield path, parse(lines)
                path, lines = line[4:].strip(), []
            else:
                lines.append(line)
        if path:
            yield path, parse(lines)


def parse(lines: list[str]) -> list[Block]:
    blocks: list[Block] = []
    for line in lines:
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if blocks and blocks[-1].kind == "table":
                blocks[-1].rows.append(cells)
            else:
                blocks.append(Block("table", rows=[cells]))
        elif line.strip():
            blocks.append(text_block(line.strip()))
        elif blocks and blocks[-1].kind == "table":
            blocks.append(Block("gap"))
    return [block for block in blocks if block.kind != "gap"]


def text_block(line: str) -> Block:
    for prefix, kind in PREFIXES:
        if line.startswith(prefix):
            return Block(kind, line[len(prefix) :])
    return Block("paragraph", line)
