"""Texts that read like orders to a model: told to whoever guards the workspace, and the basis of nothing else.

Whoever writes for people seldom writes so; whoever means to pass unseen writes otherwise. So a find is a reason to
look, and none is no reason to trust.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORD = r"[\s\W]{1,4}"
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "ignore what came before": re.compile(
        rf"\b(?:ignore|disregard|forget|override){_WORD}(?:\w+{_WORD}){{0,3}}"
        r"(?:instructions?|rules?|prompts?|guidelines?|directions?|orders?)\b",
        re.IGNORECASE,
    ),
    "a new role": re.compile(
        rf"\b(?:you{_WORD}are{_WORD}now|from{_WORD}now{_WORD}on{_WORD}you|act{_WORD}as{_WORD}(?:an?|the){_WORD}"
        rf"(?:\w+{_WORD}){{0,2}}(?:assistant|model|agent|ai)\b|new{_WORD}system{_WORD}prompt)",
        re.IGNORECASE,
    ),
    "keep it from the user": re.compile(
        rf"\b(?:do{_WORD}not|don.?t|never){_WORD}(?:tell|mention|reveal|inform|show|say)\b(?:{_WORD}\w+){{0,5}}?"
        rf"{_WORD}(?:user|human|reader|person)\b",
        re.IGNORECASE,
    ),
    "words of a model's format": re.compile(
        r"<\|?(?:im_start|im_end|system|assistant|endoftext|tool_call)\|?>|\[/?INST\]|<<SYS>>|"
        r"^\s*(?:system|assistant)\s*:\s*\S",
        re.IGNORECASE | re.MULTILINE,
    ),
    "a call of a tool": re.compile(
        r"[\"\'](?:tool|function|tool_name|function_call)[\"\']\s*:\s*[\"\'{]", re.IGNORECASE
    ),
    "an address to send things to": re.compile(
        r"!\[[^\]]*\]\([^)]*[?&][^)=]*=\s*(?:\{|%7b|<|\[|\$)", re.IGNORECASE
    ),
    "letters that nobody sees": re.compile("[\U000e0020-\U000e007e]{4}|[\u200b\u200c\u2060\u2063\ufeff]{8}"),
}
LONGEST = 2_000_000
"""Characters that are looked at."""


def orders_in(text: str) -> tuple[str, ...]:
    """Return the names of the patterns that a text has, in their order; the time is linear in its length."""
    looked_at = text[:LONGEST]
    return tuple(name for name, pattern in _PATTERNS.items() if pattern.search(looked_at))
