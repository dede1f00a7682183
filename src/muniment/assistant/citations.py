"""Evidence or nothing: a quote counts only if it stands, word for word, in the passage that it names.

Words are compared exactly; only runs of white space count as equal. What is shown is the stored text's own
characters, never the model's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from muniment.inference.messages import Draft, Mark
from muniment.knowledge.passage import Passage

SHORTEST_QUOTE = 12
"""Characters; a shorter quote would be found by chance and counts only as a whole line."""
LONGEST_QUOTE = 2_000

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verified place in a passage, before its reader's rights are read again."""

    passage: Passage
    span: tuple[int, int]
    """Characters of the version's text."""
    quote: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A claim whose every shown quote was found."""

    text: str
    evidence: tuple[Evidence, ...]


def verify(draft: Draft, passages: Sequence[Passage]) -> Verified | None:
    """Return the claim with the quotes that were found, or None when nothing supports it.

    A number or an address in the claim must stand in one of its quotes.
    """
    found = [evidence for mark in draft.marks if (evidence := locate(mark, passages)) is not None]
    unique = tuple(dict.fromkeys(found))
    if not unique or not draft.text.strip():
        return None
    quoted = " ".join(" ".join(evidence.quote.split()) for evidence in unique)
    if not all(number in _NUMBER.findall(quoted) for number in _NUMBER.findall(draft.text)):
        return None
    if not all(address.rstrip(".,;") in quoted for address in _ADDRESS.findall(draft.text)):
        return None
    return Verified(" ".join(draft.text.split()), unique)


def locate(mark: Mark, passages: Sequence[Passage]) -> Evidence | None:
    """Return where the quote stands in the passage that the mark numbers (from 1), or None."""
    if not 1 <= mark.n <= len(passages):
        return None
    passage = passages[mark.n - 1]
    words = mark.quote.split()
    length = len(" ".join(words))
    if not words or length > LONGEST_QUOTE:
        return None
    wanted = r"\s+".join(re.escape(word) for word in words)
    if length < SHORTEST_QUOTE:
        wanted = rf"(?m:^){wanted}(?m:$)"
    at = re.search(wanted, passage.text)
    if at is None:
        return None
    start = passage.span[0] + at.start()
    return Evidence(passage, (start, start + len(at[0])), at[0])
