"""How far a claim's quotes support it, judged apart from the model that made it.

Words are the first measure: which of the claim's words its evidence holds, and how much alike they run. Where its
weights are present, a cross-encoder reads claim and evidence together as a second one. The calibration was fitted by
`benchmarks/calibrate_support.py`; anyone can repeat it on data of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from muniment.assistant.function_words import FUNCTION_WORDS
from muniment.foundation.stems import stem
from muniment.inference.reranking import Reranker

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a claim and its evidence compare, each from 0 to 1."""

    covered: float
    """Share of the claim's content words that the evidence holds, by stem."""
    pairs: float
    """Share of neighbouring content words that are neighbours there too."""
    run: float
    """Longest run of the evidence's words in the claim, as a share of the claim."""
    judged: float
    """The cross-encoder's opinion; 0 without one."""


class SupportCheck(Protocol):
    """Whatever says how likely evidence supports a claim."""

    @property
    def name(self) -> str:
        """Name and digest of what judges."""
        ...

    @property
    def threshold(self) -> float:
        """The least likelihood at which a claim counts as supported."""
        ...

    def likelihood(self, claim: str, evidence: Sequence[str], around: str = "") -> float:
        """Return how likely the evidence, read under the title `around`, supports the claim, from 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of a logistic rule over `Likeness`."""

    covered: float
    pairs: float
    run: float
    judged: float
    bias: float
    threshold: float

    def likelihood(self, like: Likeness) -> float:
        """Return how likely the evidence supports the claim, from 0 to 1."""
        z = self.bias + self.covered * like.covered + self.pairs * like.pairs + self.run * like.run
        return 1 / (1 + math.exp(-(z + self.judged * like.judged)))


WORDS = Calibration(6.0, 1.0, 1.0, 0.0, -3.0, 0.5)
WITH_RERANKER = Calibration(4.0, 1.0, 1.0, 3.0, -4.0, 0.5)


class Support:
    """The default check: words, and a cross-encoder where there is one."""

    def __init__(self, reranker: Reranker | None) -> None:
        self._reranker = reranker
        self._calibration = WORDS if reranker is None else WITH_RERANKER
        self.name = "words-1" if reranker is None else f"words-1+{reranker.name}"
        self.threshold = self._calibration.threshold

    def likelihood(self, claim: str, evidence: Sequence[str], around: str = "") -> float:
        """Return how likely the evidence supports the claim; 1 where the evidence holds it word for word."""
        quoted = " ".join(" ".join(evidence).split())
        like = likeness(claim, quoted, around)
        if like.run >= 1.0:
            return 1.0
        if self._reranker is not None:
            logit = float(self._reranker.score(claim, [quoted])[0])
            like = Likeness(like.covered, like.pairs, like.run, opinion(logit))
        return self._calibration.likelihood(like)


def opinion(logit: float) -> float:
    """Return a cross-encoder's logit as a figure from 0 to 1."""
    return 1 / (1 + math.exp(-(logit - 1) / 3))


def likeness(claim: str, evidence: str, around: str = "") -> Likeness:
    """Compare the words of a claim with those of its evidence; words of the title count as covered only."""
    stated, known = _terms(claim), _terms(evidence)
    if not stated:
        return Likeness(0.0, 0.0, 0.0, 0.0)
    held = set(known)
    wide = held | set(_terms(around))
    content = [word for word in stated if word not in FUNCTION_WORDS] or stated
    covered = sum(word in wide for word in content) / len(content)
    told = [word for word in known if word not in FUNCTION_WORDS]
    near = set(pairwise(told))
    own = list(pairwise(content))
    pairs = sum(pair in near for pair in own) / len(own) if own else covered
    return Likeness(covered, pairs, _longest_run(stated, known) / len(stated), 0.0)


def _terms(text: str) -> list[str]:
    return [stem(word.casefold().replace("’", "'").removesuffix("'s")) for word in _WORD.findall(text)]


def _longest_run(stated: Sequence[str], known: Sequence[str]) -> int:
    """Return the length of the longest run of words that both have."""
    best = 0
    before = [0] * (len(known) + 1)
    for word in stated:
        now = [0] * (len(known) + 1)
        for at, other in enumerate(known, 1):
            if word == other:
                now[at] = before[at - 1] + 1
                best = max(best, now[at])
        before = now
    return best
