"""English words that say little by themselves: a claim is not measured by them."""

from __future__ import annotations

import re

from muniment.knowledge.retrieval.wording import STOP_WORDS

FUNCTION_WORDS = STOP_WORDS | frozenset(
    re.findall(
        r"\w+", "also done may might must shall so then while you your yours being because itself themselves"
    )
)
