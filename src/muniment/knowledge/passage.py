"""What a search returns: passages, and the decision under which they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from muniment.foundation.revisions import Revisions


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored chunk as returned to one caller for one query."""

    document: str
    title: str
    version: int
    chunk: str
    """`DOCUMENT:VERSION:ORDINAL`."""
    page: int | None
    """Page, slide, sheet or message number from 1; None where the format has none."""
    span: tuple[int, int]
    """Characters of the version's text, end exclusive."""
    score: float
    """Higher is better; comparable within one result only."""
    text: str
    heading: str
    source: str
    path: str
    media_type: str


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
