"""What a search found in a cited passage, from what was recorded of it: its rank, and the question's words in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.assistant.values import Citation
from muniment.governance.audit.entry import Json
from muniment.knowledge.retrieval import wording

_WORD = re.compile(r"\S+")
_EDGE = "\"'’‘“”.,;:!?()[]{}…"


@dataclass(frozen=True, slots=True)
class FoundBy:
    """Why a passage was among those that a question brought."""

    rank: int
    """From 1, among the passages that the reader may read now."""
    of: int
    legs: str
    """What ranked it: `lexical`, `dense` or `hybrid`."""
    words: tuple[str, ...]
    """Of the question, as they were written, that stand in the passage or its title."""


def found_by(
    lineage: Mapping[str, Json], question: str, citation: Citation, text: str, title: str
) -> FoundBy | None:
    """Return why the passage of a citation was found; None where that was not recorded.

    `lineage` is as its reader may read it, `text` that of the cited version.
    """
    passages = cast("Sequence[Mapping[str, Json]]", lineage.get("passages") or ())
    index = cast("Mapping[str, Json]", lineage.get("index") or {})
    readable = [one for one in passages if not one.get("withheld")]
    for rank, one in enumerate(readable, 1):
        span = cast("Sequence[int]", one.get("span") or ())
        same = (one.get("document"), one.get("version")) == (citation.document, citation.version)
        if same and len(span) == 2 and span[0] <= citation.span[0] and citation.span[1] <= span[1]:
            words = held(question, f"{title}\n{text[span[0] : span[1]]}")
            return FoundBy(rank, len(readable), str(index.get("legs", "")), words)
    return None


def held(question: str, text: str) -> tuple[str, ...]:
    """Return the words of a question that a text holds, as searches compare them, each once."""
    wanted = set(wording.question(question).terms) & set(wording.terms(text))
    found: dict[str, str] = {}
    for word in _WORD.findall(question):
        said = word.strip(_EDGE)
        if wanted & set(wording.terms(said)):
            found.setdefault(wording.fold(said), said)
    return tuple(found.values())
