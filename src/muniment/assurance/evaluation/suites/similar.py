"""Questions that are the same, or nearly: by their words, in any spelling of case, space and punctuation.

Two are near when their runs of three words overlap by half (Jaccard). That takes most of the words in the same order:
one frame with another name at its end is near, a paraphrase is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from math import ceil

from muniment.assurance.evaluation.case import Case

NEAR = 0.5
_WORDS = 3
_WORD = re.compile(r"\w+")

Shingles = frozenset[tuple[str, ...]]


def asked(case: Case) -> str:
    """Return the words of a case's question, with what was asked before, as they are compared."""
    text = unicodedata.normalize("NFKC", " \n ".join([*case.earlier, case.question])).casefold()
    return " ".join(_WORD.findall(text))


def shingles(words: str) -> Shingles:
    """Return the runs of three words; a shorter text is one run."""
    parts = words.split()
    if len(parts) <= _WORDS:
        return frozenset({tuple(parts)})
    return frozenset(tuple(parts[at : at + _WORDS]) for at in range(len(parts) - _WORDS + 1))


def overlap(one: Shingles, other: Shingles) -> float:
    """Return how much two sets of runs have in common, from 0 to 1."""
    return len(one & other) / len(one | other)


def near_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of texts, as `asked` gives them, that are the same or nearly; the lower place first."""
    sets = [shingles(text) for text in texts]
    count = Counter(run for one in sets for run in one)
    begun: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    found: list[tuple[int, int]] = []
    for at, runs in enumerate(sets):
        # Two sets that overlap enough share one of their rarest runs, so that only those are looked up.
        rarest = sorted(runs, key=lambda run: (count[run], run))[: len(runs) - ceil(NEAR * len(runs)) + 1]
        beside = {other for run in rarest for other in begun[run]}
        found += ((other, at) for other in sorted(beside) if overlap(sets[other], runs) >= NEAR)
        for run in rarest:
            begun[run].append(at)
    return found


def groups(members: int, alike: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return the places from 0 in groups that `alike` joins, each in order, by their first."""
    root = list(range(members))

    def top(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    for joined in alike:
        for other in joined[1:]:
            first, second = sorted((top(joined[0]), top(other)))
            root[second] = first
    made: dict[int, list[int]] = {}
    for at in range(members):
        made.setdefault(top(at), []).append(at)
    return list(made.values())


def sharing(keys: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Return, for each key that several places have, these places."""
    places: dict[Hashable, list[int]] = {}
    for at, own in enumerate(keys):
        for key in own:
            places.setdefault(key, []).append(at)
    return [found for found in places.values() if len(found) > 1]
