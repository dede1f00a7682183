"""Orders in which the passages of a result can stand in a prompt: each takes them best first, and leaves none out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from muniment.knowledge.passage import Passage

Arrangement = Callable[[Sequence[Passage]], list[Passage]]


def best_first(passages: Sequence[Passage]) -> list[Passage]:
    """Return them as they were found."""
    return list(passages)


def best_last(passages: Sequence[Passage]) -> list[Passage]:
    """Return the best one nearest to the question, which stands behind the passages."""
    return list(reversed(passages))


def best_at_both_ends(passages: Sequence[Passage]) -> list[Passage]:
    """Return the best ones at the beginning and the end, the worst in the middle: 1, 3, 5, 6, 4, 2."""
    return [*passages[::2], *reversed(passages[1::2])]


def as_in_their_documents(passages: Sequence[Passage]) -> list[Passage]:
    """Return those of one document together and by position, the document with the best passage first."""
    order = list(dict.fromkeys(passage.document for passage in passages))
    return sorted(passages, key=lambda passage: (order.index(passage.document), passage.span))
