"""How far a claim's quotes support it, judged by words and facts, apart from the model that made it.

A claim is supported as far as its evidence holds its words, less for each fact that the evidence does not hold. The
figures were fitted by `benchmarks/calibrate_support.py`; anyone can repeat that on pairs of their own. Models that
read claim and evidence together are measured beside it by `muniment bench citations`; the one that comes with the
weights for search added nothing (docs/adr/0010).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from muniment.assistant.function_words import FUNCTION_WORDS
from muniment.foundation.stems import stem

VERSION = "words-1"
THRESHOLD = 0.525
"""The least support of a claim that is shown."""
EACH_FAULT = 0.25
"""What each fact costs that stands in none of the quotes, four at most."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def support(claim: str, evidence: Sequence[str], around: str = "", faults: int = 0) -> float:
    """Return how far the quotes support the claim: 1 where they hold all its words and facts, 0 or less where none.

    `around` are the titles and headings of the quotes, whose words count too; `faults` how many facts are missing.
    """
    return covered(claim, " ".join((*evidence, around))) - EACH_FAULT * min(faults, 4)


def covered(claim: str, text: str) -> float:
    """Return the share of the claim's content words that the text holds, by stem."""
    stated = _terms(claim)
    content = [word for word in stated if word not in FUNCTION_WORDS] or stated
    known = set(_terms(text))
    return sum(word in known for word in content) / len(content) if content else 0.0


def _terms(text: str) -> list[str]:
    return [stem(word.casefold().replace("’", "'").removesuffix("'s")) for word in _WORD.findall(text)]
