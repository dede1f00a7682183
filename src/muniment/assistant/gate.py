"""Evidence or nothing: what a claim must pass before its reader's rights are read.

In order: its quotes stand, word for word, in the passages that it names; what it states as fact is in them; a check
apart from the model finds that they support it. What is shown is the stored text's own characters, never the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from muniment.assistant import verbatim
from muniment.assistant.facts import faults
from muniment.assistant.inert import inert
from muniment.assistant.support import THRESHOLD, support
from muniment.inference.messages import Draft, Mark
from muniment.knowledge.passage import Passage

SHORTEST_QUOTE = 12
"""Characters; a shorter quote would be found by chance and counts only as a whole line."""
LONGEST_QUOTE = 2_000
MOST_QUOTED = 6_000
"""Characters of all quotes of a claim; what comes after them is no evidence."""

Reason = Literal["quote", "fact", "inference", "support"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verified place in a passage, before its reader's rights are read again."""

    passage: Passage
    span: tuple[int, int]
    """Characters of the version's text."""
    quote: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A claim that passed, with those of its quotes that were found."""

    text: str
    evidence: tuple[Evidence, ...]
    inferred: bool = False
    """Whether it states more than its evidence does, and is to be shown as an inference."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a claim did not pass."""

    draft: Draft
    reason: Reason
    what: tuple[str, ...] = ()
    """The numbers, dates, names or negations at fault."""


class Gate:
    """The checks of one workspace."""

    def __init__(self, inferences: bool = False) -> None:
        """With `inferences`, what a model marks as its own inference passes without its facts being quoted."""
        self._inferences = inferences

    def check(self, draft: Draft, passages: Sequence[Passage]) -> Verified | Failure:
        """Return the claim as it may be shown, or why not."""
        unique = _evidence(draft, passages)
        text = " ".join(draft.text.split())
        if not unique or not inert(text):
            return Failure(draft, "quote")
        if draft.inferred and not self._inferences:
            return Failure(draft, "inference")
        quotes = [evidence.quote for evidence in unique]
        around = list(
            dict.fromkeys(line for one in unique for line in (one.passage.title, one.passage.heading))
        )
        if _same(text, quotes):
            return Verified(inert(text), unique)
        wrong = faults(text, quotes, around)
        if wrong and not draft.inferred:
            return Failure(draft, "fact", tuple(one.what for one in wrong))
        if support(text, quotes, " ".join(around)) < THRESHOLD:
            return Failure(draft, "support")
        return Verified(inert(text), unique, draft.inferred)


def _evidence(draft: Draft, passages: Sequence[Passage]) -> tuple[Evidence, ...]:
    found: dict[Evidence, None] = {}
    size = 0
    for mark in draft.marks:
        evidence = locate(mark, passages)
        if evidence is not None and evidence not in found:
            size += len(evidence.quote)
            if size > MOST_QUOTED:
                break
            found[evidence] = None
    return tuple(found)


def _same(text: str, quotes: Sequence[str]) -> bool:
    """Whether the claim is its evidence, word for word and whole."""
    return _words(text) == _words(" ".join(quotes))


def _words(text: str) -> list[str]:
    return [stripped for word in text.split() if (stripped := word.strip("|;.,: "))]


def locate(mark: Mark, passages: Sequence[Passage]) -> Evidence | None:
    """Return where the quote stands in the passage that the mark numbers (from 1), or None."""
    if not 1 <= mark.n <= len(passages) or len(mark.quote) > LONGEST_QUOTE:
        return None
    passage = passages[mark.n - 1]
    at = verbatim.find(mark.quote, passage.text, SHORTEST_QUOTE)
    if at is None:
        return None
    start, end = at
    offset = passage.span[0]
    return Evidence(passage, (offset + start, offset + end), passage.text[start:end])
