"""What the page of a document shows, already worded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that are all marked or all plain."""

    text: str
    marked: bool
    first: bool = False
    quiet: bool = False
    """Whether it is there for those who listen, since its place says it to those who see."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What stands between two blank lines."""

    runs: tuple[Run, ...]
    heading: bool = False
    point: bool = False
    """Whether it is one of a list."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a sheet."""

    number: int
    cells: tuple[tuple[Run, ...], ...]
    names: bool = False
    """Whether it names the columns below it."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A stretch of a sheet."""

    label: str
    letters: tuple[str, ...]
    rows: tuple[Row, ...]
    said: str
    """Which rows of how many."""
    earlier: str
    later: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page, slide, sheet or message."""

    number: int
    name: str
    paragraphs: tuple[Paragraph, ...]
    """Of a slide and a mail, the body."""
    form: Literal["text", "slide", "sheet", "mail"] = "text"
    title: tuple[Run, ...] = ()
    head: tuple[tuple[str, tuple[Run, ...]], ...] = ()
    """Of a mail: names and values of its head lines."""
    aside: tuple[Run, ...] = ()
    """Notes of a slide, attachments of a mail."""
    grid: Grid | None = None


@dataclass(frozen=True, slots=True)
class LeafLink:
    """A line of a document's contents."""

    label: str
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle on the image of a page, in its units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as it was set."""

    src: str
    width: float
    """In points, as the marks are."""
    height: float
    marks: tuple[Mark, ...]
    says: str
    """What stands there for those who do not see it."""


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
    earlier_says: str
    later_says: str
    image: PageImage | None = None
    """Where the document is shown page by page: the page, whose text the only leaf is."""
    other_view: str = ""
    """The address of the text of a page that is shown as an image, or the other way round."""
    said: str = ""
    """Why there is no image, or no mark on it."""

    @property
    def numbered(self) -> bool:
        """Whether the contents are numbers, which line up in columns."""
        return all(entry.label.isdigit() for entry in self.entries)
