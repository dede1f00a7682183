"""What the page of a document shows, already worded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that are all marked or all plain."""

    text: str
    marked: bool
    first: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What stands between two blank lines."""

    runs: tuple[Run, ...]
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page, slide, sheet or message."""

    number: int
    name: str
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class LeafLink:
    """A line of a document's contents."""

    label: str
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A stored version as a page shows it."""

    title: str
    version: int
    date: str
    path: str
    newest_href: str
    entries: tuple[LeafLink, ...]
    leaves: tuple[Leaf, ...]
    earlier: str
    later: str

    @property
    def numbered(self) -> bool:
        """Whether the contents are numbers, which line up in columns."""
        return all(entry.label.isdigit() for entry in self.entries)
