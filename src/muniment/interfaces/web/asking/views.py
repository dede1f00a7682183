"""What the ask page shows, already worded. It holds only what its reader may read at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that the person may use."""

    name: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A citation with the passage around its quote."""

    n: int | str
    label: str
    title: str
    where: str
    path: str
    before: str
    quote: str
    after: str
    href: str
    open: str
    newer: str = ""
    """Says so where the document has a later version."""
    why: str = ""
    """What the search found in it; empty until that is recorded."""
    fresh: str = ""
    through: str = ""
    """By which entry of its access list the reader reads it."""
    listed: str = ""
    """The whole list, for whom policy shows it."""


BLANK_CARD = SourceCard("", "", "", "", "", "", "", "", "/", "")


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A released sentence; `quoted` where it is the document's own words."""

    text: str
    quoted: bool
    cited: tuple[SourceCard, ...]
    inferred: str = ""
    """Says so where it follows from its sources rather than stands in them."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value, or what holds values."""

    kind: Literal["value", "pairs", "list", "table"]
    text: str = ""
    number: bool = False
    cited: tuple[SourceCard, ...] = ()
    inferred: str = ""
    empty: bool = False
    """Whether it says nothing."""
    pairs: tuple[tuple[str, Node], ...] = ()
    items: tuple[Node, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Node, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    number: bool


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer as a page shows it."""

    id: str
    question: str
    status: str
    said: str
    """Why there are no claims; empty when there are."""
    claims: tuple[ClaimView, ...]
    sources: tuple[SourceCard, ...]
    notes: tuple[str, ...]
    nearest: tuple[tuple[str, str], ...] = ()
    """Of an abstention: address and title of documents that may be opened."""
    instead: str = ""
    """Says which question was answered in the place of a follow-up."""
    unused: UnusedView | None = None
    result: Node | None = None
    """Of an answer in a schema, in the place of its claims."""


@dataclass(frozen=True, slots=True)
class UnusedView:
    """What an answer could not rest on."""

    said: str
    fix: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of an answer's lineage."""

    name: str
    items: tuple[str, ...]
    technical: bool = False


@dataclass(frozen=True, slots=True)
class TalkItem:
    """A conversation in a list."""

    id: str
    title: str
    at: str
    day: str
    whose: str
    """Empty for the person's own."""
    excerpt: str = ""
    """Of the place where words were found."""


@dataclass(frozen=True, slots=True)
class TurnView:
    """An earlier question of a conversation, and what was answered."""

    question: str
    instead: str
    answer: str
    href: str
    """Of the answer's own page, which is its owner's alone."""
    sources: tuple[tuple[str, str], ...]
    """Address and title."""


BLANK_TURN = TurnView("", "", "", "/", ())


@dataclass(frozen=True, slots=True)
class TalkView:
    """A conversation as a page shows it."""

    id: str
    title: str
    mine: bool
    owner: str
    turns: tuple[TurnView, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Share:
    """Who reads a conversation along."""

    subject: str
    name: str
