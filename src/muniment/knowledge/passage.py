"""What a search returns: passages, and the decision under which they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from muniment.foundation.revisions import Revisions


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk that a passage joins."""

    chunk: str
    span: tuple[int, int]
    page: int | None


@dataclass(frozen=True, slots=True)
class Twin:
    """A passage that says the same and is named instead of shown."""

    document: str
    title: str
    version: int
    chunk: str

    def as_json(self) -> dict[str, str | int]:
        """Return it as the public contract spells it."""
        return {
            "document": self.document,
            "title": self.title,
            "version": self.version,
            "chunk": self.chunk,
        }


@dataclass(frozen=True, slots=True)
class Why:
    """Why a passage was found; of several chunks, the first that was."""

    words: float
    """BM25 score."""
    cosine: float | None
    """Of its vector to the query's; None where one of them has none."""
    terms: tuple[str, ...]
    """Terms of the query that it holds."""

    def as_json(self) -> dict[str, float | list[str] | None]:
        """Return it as the public contract spells it."""
        return {"words": self.words, "cosine": self.cosine, "terms": list(self.terms)}


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored chunk, or neighbouring ones as one text, as returned to one caller for one query."""

    document: str
    title: str
    version: int
    chunk: str
    """`DOCUMENT:VERSION:ORDINAL`; of several, the one that was found first."""
    page: int | None
    """Page, slide, sheet or message number from 1, where the passage begins; None where the format has none."""
    span: tuple[int, int]
    """Characters of the version's text, end exclusive."""
    score: float
    """Higher is better; comparable within one result only."""
    text: str
    heading: str
    source: str
    path: str
    media_type: str
    sensitivity: str | None = None
    """The document's label when it was found; None where it has none."""
    pieces: tuple[Piece, ...] = ()
    """The chunks that it joins, by position."""
    twins: tuple[Twin, ...] = ()
    """Copies and other versions of the same."""
    why: Why | None = None
    """Where the caller asked for it."""

    def chunks(self) -> tuple[str, ...]:
        """Return every chunk behind it, those of its twins too."""
        return (*(piece.chunk for piece in self.pieces), *(twin.chunk for twin in self.twins))

    def page_at(self, character: int) -> int | None:
        """Return the page on which a character of the version's text stands."""
        pages = [piece.page for piece in self.pieces if piece.span[0] <= character]
        return pages[-1] if pages else self.page


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The passages that a principal may read for a query, best first, ties by document and position."""

    passages: tuple[Passage, ...]
    principal: str
    revisions: Revisions
    policy: str
    index: Mapping[str, str]
    """Versions of what ranked: embedding, lexical and fusion settings, reranker."""
    notes: tuple[str, ...]
    """What the reader should know, such as that no vectors took part."""
    took_ms: float
    filters: Mapping[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])
    """What the search was limited to, as stated by the caller."""
    moment: str = ""
    """The earlier time that was searched, if any."""
    not_kept: tuple[str, ...] = ()
    """Readable documents whose version of that time the index does not hold any more."""

    def decision(self) -> dict[str, object]:
        """Return the decision as the public contract spells it.

        Revisions are left out: they move with what the caller may not see. The log holds them.
        """
        return {
            "effect": "allow",
            "principal": self.principal,
            "policy": self.policy,
            "index": dict(self.index),
            "filters": dict(self.filters),
            "notes": list(self.notes),
        }
